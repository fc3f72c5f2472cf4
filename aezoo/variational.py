# SPDX-License-Identifier: Apache-2.0
"""The variational autoencoder: codes that follow a distribution one can draw from.

The encoder answers with a Gaussian for each image, and the decoder sees a random draw
from it. A divergence from the standard normal is charged for every image, so that the
Gaussians together fill one known region without gaps: decoding standard normal noise
then gives new images.

    z = z_mean + exp(z_log_var / 2) * noise,    noise ~ N(0, I)
    KL   = sum_j [exp(z_log_var_j) + z_mean_j^2 - 1 - z_log_var_j] / 2
    loss = -log p(x | z) + beta * KL

With beta = 1 and a negative log-likelihood, the expected loss is the negative evidence
lower bound (ELBO), in nats per image.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114, equation
10 and appendix B. `beta`: Higgins et al., "beta-VAE", ICLR 2017. `log_likelihood`:
Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2015,
arXiv:1509.00519, equation 8.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class GaussianSampling(layers.Layer):
    """Draws z from N(z_mean, exp(z_log_var)) and adds `beta * KL` to the loss.

    It draws in training and afterwards alike, so that `evaluate` is an ELBO too.
    """

    def __init__(self, beta=1.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, z_mean, z_log_var):
        """Return one draw for each example, `(batch, latent_dim)`."""
        mean = ops.cast(z_mean, self.variable_dtype)  # in mixed precision too
        log_var = ops.cast(z_log_var, self.variable_dtype)
        variance = ops.exp(log_var)
        kl = 0.5 * ops.sum(variance + ops.square(mean) - 1.0 - log_var, axis=-1)
        self.add_loss(self.beta * ops.mean(kl))
        noise = keras.random.normal(
            ops.shape(z_mean), dtype=z_mean.dtype, seed=self.seed_generator
        )
        return z_mean + ops.exp(0.5 * z_log_var) * noise

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        return {**super().get_config(), "beta": self.beta, "seed": self.seed}


def variational_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 20,
    hidden_units: Sequence[int] = (500,),
    filters: Sequence[int] = (),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    beta: float = 1.0,
    seed: int | None = None,
    name: str = "variational_autoencoder",
) -> keras.Model:
    """Build a variational autoencoder, dense or convolutional.

    `beta` times the KL divergence of each image's Gaussian from the standard normal
    is added to the loss, summed over the numbers of the code and averaged over the
    batch. Train it with a loss that is summed over pixels, `aezoo.bernoulli_nll` or
    `aezoo.gaussian_nll`: averaged over pixels, as Keras' own are, it is outweighed by
    the KL and every image comes out as the mean of all.

    The model reconstructs from a random draw, at inference too, so that the loss of
    `evaluate` is an ELBO; `predict` differs from call to call. For a repeatable
    reconstruction decode `z_mean`, and for new images decode noise:

        z_mean, z_log_var = model.get_layer("encoder").predict(x)
        reconstruction = model.get_layer("decoder").predict(z_mean)
        images = model.get_layer("decoder").predict(np.random.randn(16, latent_dim))

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. With the default sigmoid output, values in
            [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's dense layers before the code, from the
            input inwards; the decoder mirrors them. Positive integers; may be empty.
        filters: Filters of convolutions before the dense layers, such as `(32, 64)`,
            from the image inwards; each halves height and width, and the decoder
            mirrors them. Positive integers; empty for a dense model.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for the mean of data of any range.
        beta: What a nat of KL costs, a number from 0: 1 for the ELBO, more for a
            simpler code, less for a sharper reconstruction.
        seed: Integer from 0 for repeatable initial weights and noise, or None to
            follow `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape.
        Two of its layers are models:
        `"encoder"`, `(batch, *input_shape)` to `[z_mean, z_log_var]`, each
        `(batch, latent_dim)`, and
        `"decoder"`, codes `(batch, latent_dim)` to reconstructions
        `(batch, *input_shape)`.

    Raises:
        ValueError: If a size is not a positive integer, there are filters but no
            images, an activation is unknown, or `beta` or `seed` is negative.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.variational_autoencoder((28, 28, 1), latent_dim=10)
        >>> model.compile("adam", loss=aezoo.bernoulli_nll)
        >>> x = np.random.default_rng(0).integers(0, 2, (64, 28, 28, 1))
        >>> history = model.fit(x, x, verbose=0)
        >>> noise = np.random.default_rng(0).normal(size=(16, 10))
        >>> model.get_layer("decoder").predict(noise, verbose=0).shape
        (16, 28, 28, 1)

    Reference:
        Kingma and Welling, 2013: section 3 and appendix C.
    """
    if not _is_shape(input_shape):
        raise ValueError(
            "`input_shape` must be a tuple of positive integers without the batch, "
            f"such as (28, 28, 1) or (784,). Received: input_shape={input_shape!r}"
        )
    if not _is_size(latent_dim):
        raise ValueError(
            "`latent_dim` must be a positive integer. "
            f"Received: latent_dim={latent_dim!r}"
        )
    if not np.iterable(hidden_units) or not all(map(_is_size, hidden_units)):
        raise ValueError(
            "`hidden_units` must be a tuple of positive integers, or empty. "
            f"Received: hidden_units={hidden_units!r}"
        )
    if not np.iterable(filters) or not all(map(_is_size, filters)):
        raise ValueError(
            "`filters` must be a tuple of positive integers, or empty. "
            f"Received: filters={filters!r}"
        )
    hidden_units, filters, image_shape = map(
        tuple, (hidden_units, filters, input_shape)
    )
    if filters and len(image_shape) != 3:
        raise ValueError(
            "`input_shape` must be (height, width, channels) where there are filters. "
            f"Received: filters={filters}, input_shape={input_shape!r}"
        )
    if not 0 <= beta < math.inf:
        raise ValueError(
            f"`beta` must be a finite number from 0. Received: beta={beta!r}"
        )
    shapes = [image_shape]  # of the maps, from the image inwards
    for count in filters:
        height, width, _ = shapes[-1]
        shapes.append((math.ceil(height / 2), math.ceil(width / 2), count))
    seeds = iter(_layer_seeds(seed, 2 * len(filters) + 2 * len(hidden_units) + 4))

    def dense(units, activation, name):
        initializer = keras.initializers.GlorotUniform(next(seeds))
        return layers.Dense(
            units, activation, kernel_initializer=initializer, name=name
        )

    def convolution(count, activation, strides, name):
        initializer = keras.initializers.GlorotUniform(next(seeds))
        return layers.Conv2D(
            count,
            3,
            strides=strides,
            padding="same",
            activation=activation,
            kernel_initializer=initializer,
            name=name,
        )

    inputs = keras.Input(image_shape, name="inputs")
    features = inputs
    for depth, count in enumerate(filters, start=1):
        features = convolution(count, activation, 2, f"maps_{depth}")(features)
    features = layers.Flatten(name="features")(features)
    for depth, units in enumerate(hidden_units, start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    z_mean = dense(latent_dim, None, "z_mean")(features)  # (batch, latent_dim)
    z_log_var = dense(latent_dim, None, "z_log_var")(features)  # (batch, latent_dim)
    encoder = keras.Model(inputs, [z_mean, z_log_var], name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    features = latent_inputs
    for depth, units in enumerate(reversed(hidden_units), start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    # Depth 0 is the reconstruction, the depths above are maps of features.
    names = ["reconstruction"] + [f"maps_{i + 1}" for i in range(len(filters))]
    activations = [output_activation, *[activation] * len(filters)]
    features = dense(math.prod(shapes[-1]), activations[-1], "features")(features)
    features = layers.Reshape(shapes[-1], name=names[-1])(features)
    for depth in reversed(range(len(filters))):
        height, width, count = shapes[depth]
        # Repeated pixels and a convolution: a strided transpose leaves a checkerboard.
        features = layers.UpSampling2D(2, name=f"double_{depth}")(features)
        # An odd side was rounded up when it was halved: now it is one too long.
        surplus = ((0, height % 2), (0, width % 2))
        features = layers.Cropping2D(surplus, name=f"crop_{depth}")(features)
        features = convolution(count, activations[depth], 1, names[depth])(features)
    decoder = keras.Model(latent_inputs, features, name="decoder")

    z = GaussianSampling(beta, next(seeds), name="z")(*encoder(inputs))
    return keras.Model(inputs, decoder(z), name=name)


def log_likelihood(
    model: keras.Model,
    x: np.ndarray,
    *,
    num_samples: int = 1000,
    nll: Callable | None = None,
    batch_size: int = 1000,
    seed: int | None = None,
) -> np.ndarray:
    """Estimate log p(x) of each image by importance sampling.

    `log (1/k) sum_i p(x | z_i) p(z_i) / q(z_i | x)` with k = `num_samples` draws z_i
    from the encoder's Gaussian q. With one draw its mean is the ELBO; its mean rises
    towards log p(x) with every further draw and never passes it, so that the estimate
    errs on the low side. The `beta` of the training does not enter.

    Args:
        model: A variational autoencoder, trained.
        x: Images, `(n, *input_shape)`, at least one.
        num_samples: Draws per image, a positive integer. The published figures for
            MNIST use 5000.
        nll: `-log p(x | z)` as a function of `(y_true, y_pred)` that gives one value
            per image, such as `aezoo.gaussian_nll`. None for binary pixels, `x` of
            exactly 0 and 1; for grey pixels a cross-entropy is no likelihood.
        batch_size: Reconstructions held at a time, a positive integer. Bounds the
            memory, whatever `n` and `num_samples`; changes the result by no more
            than rounding.
        seed: Integer from 0 for repeatable draws, or None to follow
            `keras.utils.set_random_seed`.

    Returns:
        NumPy array `(n,)`, in nats per image; its mean is what papers report.

    Raises:
        ValueError: If `model` is not variational, `x` has another shape or values
            that are not finite (not 0 or 1 where `nll` is None), `nll` does not give
            one value per image, or a number is out of range.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.variational_autoencoder((8, 8, 1), latent_dim=2)
        >>> x = np.random.default_rng(0).integers(0, 2, (5, 8, 8, 1))
        >>> aezoo.log_likelihood(model, x, num_samples=100).shape
        (5,)

    Reference:
        Burda, Grosse and Salakhutdinov, 2015: equation 8, theorem 1 and section 5.
    """
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    if len(encoder.outputs) != 2:
        raise ValueError(
            "`model` must have an encoder that gives z_mean and z_log_var. "
            f"Received: model={model.name!r}"
        )
    for argument, value in (("num_samples", num_samples), ("batch_size", batch_size)):
        if not _is_size(value):
            raise ValueError(
                f"`{argument}` must be a positive integer. "
                f"Received: {argument}={value!r}"
            )
    x = np.asarray(x, dtype="float32")
    if x.shape[1:] != model.input_shape[1:] or len(x) == 0:
        raise ValueError(
            f"`x` must be at least one example of shape {model.input_shape[1:]}. "
            f"Received: x.shape={x.shape}"
        )
    if nll is None and not ((x == 0) | (x == 1)).all():
        raise ValueError(
            "`x` must be exactly 0 or 1 everywhere, unless `nll` is the likelihood of "
            f"other values. Received: x from {x.min()} to {x.max()}"
        )
    if not np.isfinite(x).all():
        raise ValueError(f"`x` must be finite. Received: x from {x.min()} to {x.max()}")
    (seed,) = _layer_seeds(seed, 1)
    if seed is None:
        seed = np.random.randint(2**31)  # follows keras.utils.set_random_seed
    rng = np.random.default_rng(seed)

    z_mean, z_log_var = encoder.predict(x, batch_size=batch_size, verbose=0)
    draws = min(num_samples, batch_size)  # of each image at a time
    images = batch_size // draws  # more than one only where all draws fit
    result = np.full(len(x), -np.inf)  # log of the summed weights so far
    for first in range(0, len(x), images):
        part = slice(first, first + images)
        for done in range(0, num_samples, draws):
            count = min(draws, num_samples - done)
            mean, log_var = z_mean[part, np.newaxis], z_log_var[part, np.newaxis]
            noise = rng.standard_normal(
                (len(mean), count, mean.shape[-1]), dtype="float32"
            )  # (images, draws, latent_dim)
            z = mean + np.exp(0.5 * log_var) * noise
            # log p(z) - log q(z | x); both hold the same (2 pi)^(latent_dim / 2).
            log_ratio = 0.5 * np.sum(noise**2 + log_var - z**2, axis=-1)
            y_true = np.repeat(x[part], count, axis=0)
            y_pred = decoder.predict_on_batch(z.reshape(-1, z.shape[-1]))
            log_p = -ops.convert_to_numpy((nll or _bernoulli_nll)(y_true, y_pred))
            if log_p.shape != y_true.shape[:1]:
                raise ValueError(
                    "`nll` must give one value per image. "
                    f"Received: nll={nll!r}, which gave the shape {log_p.shape}"
                )
            log_weights = log_ratio + log_p.reshape(log_ratio.shape)
            summed = np.logaddexp.reduce(log_weights.astype("float64"), axis=-1)
            result[part] = np.logaddexp(result[part], summed)
    return result - math.log(num_samples)


def _bernoulli_nll(y_true, y_pred):
    # One logarithm a pixel, for pixels of exactly 0 and 1.
    probability = np.where(y_true == 1, y_pred, 1.0 - y_pred).clip(1e-7, 1.0)
    return -np.log(probability).reshape(len(y_true), -1).sum(axis=-1)


def _is_size(value):
    return isinstance(value, int) and value > 0


def _is_shape(value):
    return np.iterable(value) and len(value) > 0 and all(map(_is_size, value))


def _layer_seeds(seed, count):
    # A seed for each layer: with one for all, layers of equal shape would start equal.
    if seed is None:
        return [None] * count
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(
            f"`seed` must be an integer from 0, or None. Received: seed={seed!r}"
        )
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(count)]
