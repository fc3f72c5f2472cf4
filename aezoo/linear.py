# SPDX-License-Identifier: Apache-2.0
"""The linear autoencoder: principal component analysis by gradient descent.

An encoder and a decoder of one linear layer each. Trained on squared error, the best
it can do is what PCA does: the decoder spans the plane of the leading principal
components. It finds the plane, not the components: any invertible change of the code
can be undone by the decoder, so the single directions stay arbitrary.

    codes = A x + a,    reconstruction = B codes + b,
    loss  = ||x - reconstruction||^2

Bourlard and Kamp, "Auto-association by multilayer perceptrons and singular value
decomposition", Biological Cybernetics 59, 1988, doi:10.1007/BF00332918. Baldi and
Hornik, "Neural networks and principal component analysis: learning from examples
without local minima", Neural Networks 2, 1989, doi:10.1016/0893-6080(89)90014-2.
"""

import math
from collections.abc import Sequence
from operator import index

import keras
from keras import layers


def linear_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 30,
    name: str = "linear_autoencoder",
) -> keras.Model:
    """Build an autoencoder with one linear layer on each side of the code.

    Nothing is penalised: train it on squared error, with the input as the target.
    The biases learn the mean that PCA subtracts.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. Any real values, best scaled to a range near [0, 1].
        latent_dim: Numbers in a code, a positive integer: PCA's number of components.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: From Keras, if a size is not a positive integer.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.linear_autoencoder((28, 28, 1), latent_dim=30)
        >>> model.compile("adam", loss=aezoo.squared_error)
        >>> x = np.random.default_rng(0).random((64, 28, 28, 1))
        >>> history = model.fit(x, x, verbose=0)
        >>> model.get_layer("encoder").predict(x, verbose=0).shape
        (64, 30)

    Reference:
        Baldi and Hornik, 1989: the squared error has no local minima, and its global
        minimum is the orthogonal projection on the leading principal components.
    """
    inputs = keras.Input(input_shape, name="inputs")
    flat = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    codes = layers.Dense(index(latent_dim), name="codes")(flat)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="latent_inputs")
    pixels = layers.Dense(
        index(math.prod(input_shape)), dtype="float32", name="pixels"
    )(latent_inputs)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
