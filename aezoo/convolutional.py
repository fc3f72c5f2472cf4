# SPDX-License-Identifier: Apache-2.0
"""The convolutional autoencoder: small filters that slide over the image.

A stroke looks the same wherever it is, so one small filter serves all places of the
image, with far fewer weights than a dense layer would need. The encoder halves the
image with strided convolutions, and one dense layer reads the code off the last; the
decoder doubles it again, by repeating each pixel and then convolving.

    codes = f(x),    reconstruction = g(codes),
    loss  = ||x - reconstruction||^2   (or a cross-entropy)

The decoder has no strided transposed convolutions on purpose. With a kernel of 3 and
a stride of 2, neighbouring output pixels are sums of different numbers of products, so
that a uniform input comes out as a checkerboard: Odena, Dumoulin and Olah,
"Deconvolution and Checkerboard Artifacts", Distill, 2016, doi:10.23915/distill.00003.

Masci, Meier, Cireşan and Schmidhuber, "Stacked convolutional auto-encoders for
hierarchical feature extraction", ICANN 2011, doi:10.1007/978-3-642-21735-7_7.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers


def convolutional_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 32,
    filters: Sequence[int] = (32, 64),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    seed: int | None = None,
    name: str = "convolutional_autoencoder",
) -> keras.Model:
    """Build an autoencoder of convolutions around a code of `latent_dim` numbers.

    Nothing is penalised: the size of the code is the only constraint. The code is
    linear, so that no activation clips it. Any height and width come back exactly,
    odd ones too.

    Args:
        input_shape: Shape of one image without the batch, `(height, width,
            channels)`, such as `(28, 28, 1)`; positive integers. With the default
            sigmoid output, pixels in [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        filters: Filters of each convolution of the encoder, from the image inwards;
            each halves height and width (rounded up), and the decoder mirrors them.
            Positive integers, at least one. The word is that of `keras.layers.Conv2D`.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range.
        seed: Integer from 0 for repeatable initial weights, or None to follow
            `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, height, width, channels)` to the
        same shape, made of two models that are its layers:
        `"encoder"`, `(batch, height, width, channels)` to codes
        `(batch, latent_dim)`, and `"decoder"`, codes to reconstructions
        `(batch, height, width, channels)`.

    Raises:
        ValueError: If `input_shape` is not that of an image, a size is not a positive
            integer, an activation is unknown or `seed` is negative.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.convolutional_autoencoder((9, 7, 3), latent_dim=8)
        >>> model.compile("adam", loss=aezoo.squared_error)
        >>> x = np.random.default_rng(0).random((64, 9, 7, 3))
        >>> history = model.fit(x, x, verbose=0)
        >>> model.predict(x, verbose=0).shape
        (64, 9, 7, 3)

    Reference:
        Odena, Dumoulin and Olah, 2016, section "Better Upsampling": resize by
        nearest neighbour, then convolve.
    """
    if not _is_shape(input_shape) or len(input_shape) != 3:
        raise ValueError(
            "`input_shape` must be (height, width, channels), three positive integers "
            "without the batch, such as (28, 28, 1). "
            f"Received: input_shape={input_shape!r}"
        )
    if not _is_size(latent_dim):
        raise ValueError(
            "`latent_dim` must be a positive integer. "
            f"Received: latent_dim={latent_dim!r}"
        )
    if not _is_shape(filters):
        raise ValueError(
            "`filters` must be a tuple of positive integers, at least one. "
            f"Received: filters={filters!r}"
        )
    filters = tuple(filters)
    *size, channels = input_shape
    sizes = [tuple(size)]  # from the image inwards
    for _ in filters:
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
    seeds = iter(_layer_seeds(seed, 2 * len(filters) + 2))

    def initializer():
        return keras.initializers.GlorotUniform(next(seeds))

    inputs = keras.Input(input_shape, name="inputs")
    features = inputs
    for depth, count in enumerate(filters, start=1):
        features = layers.Conv2D(
            count,
            3,
            strides=2,
            padding="same",
            activation=activation,
            kernel_initializer=initializer(),
            name=f"hidden_{depth}",
        )(features)  # (batch, *sizes[depth], count)
    features = layers.Flatten(name="features")(features)
    codes = layers.Dense(latent_dim, kernel_initializer=initializer(), name="codes")(
        features
    )  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    features = layers.Dense(
        math.prod(sizes[-1]) * filters[-1],
        activation,
        kernel_initializer=initializer(),
        name="features",
    )(latent_inputs)
    features = layers.Reshape((*sizes[-1], filters[-1]), name="maps")(features)
    for depth in reversed(range(len(filters))):
        features = layers.UpSampling2D(2, name=f"double_{depth}")(features)
        # An odd side was rounded up when it was halved: now it is one too long.
        surplus = [(0, side % 2) for side in sizes[depth]]
        features = layers.Cropping2D(surplus, name=f"crop_{depth}")(features)
        features = layers.Conv2D(
            filters[depth - 1] if depth else channels,
            3,
            padding="same",
            activation=activation if depth else output_activation,
            kernel_initializer=initializer(),
            name=f"hidden_{depth}" if depth else "reconstruction",
        )(features)  # (batch, *sizes[depth], filters[depth - 1] or channels)
    decoder = keras.Model(latent_inputs, features, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)


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
