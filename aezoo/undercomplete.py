# SPDX-License-Identifier: Apache-2.0
"""The undercomplete autoencoder: a nonlinear bottleneck, shallow or deep.

The code has fewer numbers than the input, so the network cannot copy; to rebuild the
input it must find what the examples have in common. With nonlinear layers around the
code it follows curved surfaces where PCA has only planes.

    codes = f(x),    reconstruction = g(codes),
    loss  = ||x - reconstruction||^2   (or a cross-entropy)

Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks",
Science 313, 2006, doi:10.1126/science.1127647.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers


def undercomplete_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 32,
    hidden_units: Sequence[int] = (256,),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    seed: int | None = None,
    name: str = "undercomplete_autoencoder",
) -> keras.Model:
    """Build a dense autoencoder whose only constraint is the size of its code.

    Nothing is penalised. The code is linear, so that no activation clips it; the
    hidden layers on both sides bend it. With `hidden_units=()` and a sigmoid output
    this is logistic PCA.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. With the default sigmoid output, values in
            [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        seed: Integer from 0 for repeatable initial weights, or None to follow
            `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError: If a size is not a positive integer, an activation is unknown or
            `seed` is negative.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.undercomplete_autoencoder(
        ...     (28, 28, 1), latent_dim=30, hidden_units=(1000, 500, 250)
        ... )
        >>> model.compile("adam", loss=aezoo.squared_error)
        >>> x = np.random.default_rng(0).random((64, 28, 28, 1))
        >>> history = model.fit(x, x, verbose=0)
        >>> model.predict(x, verbose=0).shape
        (64, 28, 28, 1)

    Reference:
        Hinton and Salakhutdinov, 2006: the deep case, figure 1.
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
    hidden_units = tuple(hidden_units)
    seeds = iter(_layer_seeds(seed, 2 * len(hidden_units) + 2))

    def dense(units, activation, name):
        initializer = keras.initializers.GlorotUniform(next(seeds))
        return layers.Dense(
            units, activation, kernel_initializer=initializer, name=name
        )

    inputs = keras.Input(input_shape, name="inputs")
    features = layers.Flatten(name="pixels")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    codes = dense(latent_dim, None, "codes")(features)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    features = latent_inputs
    for depth, units in enumerate(reversed(hidden_units), start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    pixels = dense(math.prod(input_shape), output_activation, "pixels")(features)
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
