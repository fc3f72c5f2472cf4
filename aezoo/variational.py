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
10 and appendix B. `beta`: Higgins et al., "beta-VAE: learning basic visual concepts
with a constrained variational framework", ICLR 2017.
"""

import math
from collections.abc import Callable, Sequence
from operator import index

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class GaussianSampling(layers.Layer):
    """Draws z from N(z_mean, exp(z_log_var)) and adds `beta * KL` to the loss.

    It draws in training and afterwards alike, so that `evaluate` is an ELBO too.

    Args:
        beta: What a nat of KL costs, a finite number from 0. It may be set between two
            epochs, by a callback too, on every backend: a `.keras` file keeps it, and
            weights that are loaded or set leave it alone.
        seed: Integer from 0 to repeat the draws, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> layer = aezoo.GaussianSampling()
        >>> z = layer(np.ones((3, 2)), np.zeros((3, 2)))  # KL: 1/2 for each number
        >>> float(layer.losses[0])
        1.0
    """

    # `beta` is a setting: neither `set_weights` nor `load_weights` changes it.
    weights = property(lambda self: [])
    save_own_variables = load_own_variables = lambda self, store: None
    beta = property(lambda self: self._beta)

    def __init__(self, beta=1.0, seed=None, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)  # float32 in mixed precision too
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        # A variable, because a step that is compiled already has to notice a change.
        self._price = keras.Variable(0.0, trainable=False, name="beta")
        self.beta = beta

    @beta.setter
    def beta(self, beta):
        """Charge `beta` for each nat from here on."""
        # Keras on JAX keeps variables elsewhere during an epoch: it would be lost.
        if not 0 <= beta < math.inf or self._price._value is None:
            raise ValueError(f"`beta` must be >= 0, between epochs. Received: {beta=}")
        self._beta = beta
        self._price.assign(beta)

    def call(self, z_mean, z_log_var):
        """Return one draw for each example, `(batch, latent_dim)`."""
        # Past e^10 the variance grows along its tangent, so that no input overflows it.
        bounded = ops.minimum(z_log_var, 10.0)
        variance = ops.exp(bounded) * (1.0 + (z_log_var - bounded))
        kl = 0.5 * ops.sum(variance + ops.square(z_mean) - 1.0 - z_log_var, axis=-1)
        self.add_loss(self._price * ops.mean(kl))
        noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * bounded) * noise

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        return {**super().get_config(), "beta": self.beta, "seed": self.seed}


def variational_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 20,
    hidden_units: Sequence[int] = (500,),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    beta: float = 1.0,
    name: str = "variational_autoencoder",
) -> keras.Model:
    """Build a variational autoencoder of dense layers.

    `beta` times the KL divergence of each image's Gaussian from the standard normal
    is added to the loss, summed over the numbers of the code and averaged over the
    batch. Train it with a loss that is summed over pixels, `aezoo.bernoulli_nll` or
    `aezoo.gaussian_nll`: averaged over pixels, as Keras' own are, it is outweighed by
    the KL and every image comes out as the mean of all. Compiled without a loss, or
    fitted without targets, it trains the KL alone: the loss falls to zero and every
    reconstruction is grey.

    The model reconstructs from a random draw, at inference too, so that the loss of
    `evaluate` is an ELBO; `predict` differs from call to call. For a repeatable
    reconstruction decode `z_mean`, and for new images decode noise:

        z_mean, z_log_var = model.get_layer("encoder").predict(x)
        reconstruction = model.get_layer("decoder").predict(z_mean)
        images = model.get_layer("decoder").predict(np.random.randn(16, latent_dim))

    To anneal the KL, set `beta` as the epochs begin:

        def warm_up(epoch, logs):
            model.get_layer("z").beta = min(1.0, (epoch + 1) / 10)

        model.fit(x, x, callbacks=[keras.callbacks.LambdaCallback(warm_up)])

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. With the default sigmoid output, values in [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for the mean of data of any range.
        beta: What a nat of KL costs, a finite number from 0: 1 for the ELBO, more for
            a simpler code, less for a sharper reconstruction.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape.
        Two of its layers are models, a third, `"z"`, is a `GaussianSampling`:
        `"encoder"`, `(batch, *input_shape)` to `[z_mean, z_log_var]`, each
        `(batch, latent_dim)`, and
        `"decoder"`, codes `(batch, latent_dim)` to reconstructions
        `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: If `beta` is out of its range; from Keras, if a size is
            not a positive integer or an activation is unknown.

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
    inputs = keras.Input(input_shape, name="inputs")
    hidden = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        hidden = layers.Dense(index(units), activation, name=f"hidden_{depth}")(hidden)
    z_mean = layers.Dense(index(latent_dim), name="z_mean")(hidden)
    z_log_var = layers.Dense(index(latent_dim), name="z_log_var")(hidden)
    encoder = keras.Model(inputs, [z_mean, z_log_var], name="encoder")

    latent_inputs = hidden = keras.Input((latent_dim,), name="latent_inputs")
    for depth, units in reversed([*enumerate(hidden_units, start=1)]):
        hidden = layers.Dense(index(units), activation, name=f"mirror_{depth}")(hidden)
    pixels = layers.Dense(
        index(math.prod(input_shape)), output_activation, dtype="float32", name="pixels"
    )(hidden)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    z = GaussianSampling(beta, name="z")(*encoder(inputs))
    return keras.Model(inputs, decoder(z), name=name)
