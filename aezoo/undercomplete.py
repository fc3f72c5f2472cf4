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
from operator import index

import keras
from keras import layers


def undercomplete_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 32,
    hidden_units: Sequence[int] = (256,),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    name: str = "undercomplete_autoencoder",
) -> keras.Model:
    """Build a dense autoencoder whose only constraint is the size of its code.

    Nothing is penalised. The code is linear, so that no activation clips it; the
    hidden layers on both sides bend it. With `hidden_units=()` and a sigmoid output
    this is logistic PCA.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. With the default sigmoid output, values in [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: From Keras, if a size is not a positive integer or an
            activation is unknown.

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
    inputs = keras.Input(input_shape, name="inputs")
    hidden = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        hidden = layers.Dense(index(units), activation, name=f"hidden_{depth}")(hidden)
    codes = layers.Dense(index(latent_dim), name="codes")(hidden)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

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

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
