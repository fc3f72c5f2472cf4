# SPDX-License-Identifier: Apache-2.0
"""The convolutional variational autoencoder: new images from small filters.

The loss of the variational autoencoder with a net for images around it: convolutions
that halve the image on the way to the code, and on the way back pixels that are
repeated and then convolved. The encoder answers with a Gaussian for each image, the
decoder sees a draw from it, and a divergence from the standard normal is charged.

    z = z_mean + exp(z_log_var / 2) * noise,    noise ~ N(0, I)
    KL   = sum_j [exp(z_log_var_j) + z_mean_j^2 - 1 - z_log_var_j] / 2
    loss = -log p(x | z) + beta * KL

Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114, equation
10 and appendix B. Doubling by repeated pixels: Odena, Dumoulin and Olah,
"Deconvolution and Checkerboard Artifacts", Distill, 2016, doi:10.23915/distill.00003.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import index

import keras
from keras import layers, ops

# Channels last, whatever Keras' global setting is.
LAST = {"data_format": "channels_last"}


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


def convolutional_variational_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 20,
    filters: Sequence[int] = (32, 64),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    beta: float = 1.0,
    name: str = "convolutional_variational_autoencoder",
) -> keras.Model:
    """Build a variational autoencoder of convolutions.

    All that `variational_autoencoder` says of the loss, of drawing and of `beta` holds
    here: a loss summed over pixels, a random draw at inference too, `decoder(z_mean)`
    for a repeatable reconstruction, decoded noise for new images.

    Args:
        input_shape: Shape of one image without the batch, `(height, width,
            channels)`, such as `(28, 28, 1)`. With the default sigmoid output, pixels
            in [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        filters: Filters of each convolution of the encoder, from the image inwards;
            each halves height and width (rounded up), and the decoder mirrors them.
            Positive integers, at least one. The word is that of `keras.layers.Conv2D`.
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
        >>> model = aezoo.convolutional_variational_autoencoder((9, 7, 1), latent_dim=4)
        >>> model.compile("adam", loss=aezoo.bernoulli_nll)
        >>> x = np.random.default_rng(0).integers(0, 2, (64, 9, 7, 1))
        >>> history = model.fit(x, x, verbose=0)
        >>> noise = np.random.default_rng(0).normal(size=(16, 4))
        >>> model.get_layer("decoder").predict(noise, verbose=0).shape
        (16, 9, 7, 1)

    Reference:
        Kingma and Welling, 2013: section 3. Odena, Dumoulin and Olah, 2016, section
        "Better Upsampling".
    """
    convolution = partial(layers.Conv2D, kernel_size=3, padding="same", **LAST)

    inputs = maps = keras.Input(input_shape, name="inputs")
    sizes = []  # of the maps that are halved, from the image inwards
    for depth, count in enumerate(filters, start=1):
        sizes.append(maps.shape[1:3])
        maps = convolution(
            count, strides=2, activation=activation, name=f"hidden_{depth}"
        )(maps)  # (batch, half the height, half the width, count)
    flat = layers.Flatten(name="flatten", **LAST)(maps)
    z_mean = layers.Dense(index(latent_dim), name="z_mean")(flat)
    z_log_var = layers.Dense(index(latent_dim), name="z_log_var")(flat)
    encoder = keras.Model(inputs, [z_mean, z_log_var], name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="latent_inputs")
    features = layers.Dense(flat.shape[-1], activation, name="features")(latent_inputs)
    maps = layers.Reshape(maps.shape[1:], name="maps")(features)
    for depth in reversed(range(len(filters))):
        maps = layers.UpSampling2D(2, name=f"double_{depth}", **LAST)(maps)
        # An odd side was rounded up when it was halved: now it is one too long.
        surplus = [(0, side % 2) for side in sizes[depth]]
        maps = layers.Cropping2D(surplus, name=f"crop_{depth}", **LAST)(maps)
        if depth:
            maps = convolution(
                filters[depth - 1], activation=activation, name=f"mirror_{depth}"
            )(maps)
    reconstruction = convolution(
        input_shape[-1],
        activation=output_activation,
        dtype="float32",
        name="reconstruction",
    )(maps)  # (batch, height, width, channels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    z = GaussianSampling(beta, name="z")(*encoder(inputs))
    return keras.Model(inputs, decoder(z), name=name)
