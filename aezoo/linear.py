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

import keras
import numpy as np
from keras import layers


def linear_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 30,
    seed: int | None = None,
    name: str = "linear_autoencoder",
) -> keras.Model:
    """Build an autoencoder with one linear layer on each side of the code.

    Nothing is penalised: train it on squared error, with the input as the target.
    The biases learn the mean that PCA subtracts.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. Any real values, best scaled to a range near
            [0, 1].
        latent_dim: Numbers in a code, a positive integer: PCA's number of components.
        seed: Integer from 0 for repeatable initial weights, or None to follow
            `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError: If a size is not a positive integer or `seed` is negative.

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
    encoder_seed, decoder_seed = _layer_seeds(seed, 2)

    inputs = keras.Input(input_shape, name="inputs")
    pixels = layers.Flatten(name="pixels")(inputs)  # (batch, n)
    codes = layers.Dense(
        latent_dim,
        kernel_initializer=keras.initializers.GlorotUniform(encoder_seed),
        name="codes",
    )(pixels)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    pixels = layers.Dense(
        math.prod(input_shape),
        kernel_initializer=keras.initializers.GlorotUniform(decoder_seed),
        name="pixels",
    )(latent_inputs)  # (batch, n)
    reconstruction = layers.Reshape(input_shape, name="reconstruction")(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

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
