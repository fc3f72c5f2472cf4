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

from collections.abc import Callable, Sequence
from functools import partial
from operator import index

import keras
from keras import layers

# Channels last, whatever Keras' global setting is.
LAST = {"data_format": "channels_last"}


def convolutional_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 32,
    filters: Sequence[int] = (32, 64),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    name: str = "convolutional_autoencoder",
) -> keras.Model:
    """Build an autoencoder of convolutions around a code of `latent_dim` numbers.

    Nothing is penalised: the size of the code is the only constraint. The code is
    linear, so that no activation clips it. Any height and width come back exactly,
    odd ones too.

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
            [0, 1], None for data of any range.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, height, width, channels)` to the
        same shape, made of two models that are its layers:
        `"encoder"`, `(batch, height, width, channels)` to codes
        `(batch, latent_dim)`, and `"decoder"`, codes to reconstructions
        `(batch, height, width, channels)`.

    Raises:
        ValueError, TypeError: If `input_shape` is not that of an image; from Keras, if
            a size is not a positive integer or an activation is unknown.

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
    convolution = partial(layers.Conv2D, kernel_size=3, padding="same", **LAST)

    inputs = maps = keras.Input(input_shape, name="inputs")
    sizes = []  # of the maps that are halved, from the image inwards
    for depth, count in enumerate(filters, start=1):
        sizes.append(maps.shape[1:3])
        maps = convolution(
            count, strides=2, activation=activation, name=f"hidden_{depth}"
        )(maps)  # (batch, half the height, half the width, count)
    flat = layers.Flatten(name="flatten", **LAST)(maps)
    codes = layers.Dense(index(latent_dim), name="codes")(flat)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

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

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
