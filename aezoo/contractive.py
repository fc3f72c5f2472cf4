# SPDX-License-Identifier: Apache-2.0
"""The contractive autoencoder: a code that hardly moves when the input does.

The penalty is the squared size of the code's derivative, so each example and its
neighbours get nearly the same code. The reconstruction resists: it needs the code to
move where examples really differ. What is left are the directions in which the data
vary. For one layer of sigmoids or tanhs the derivative has a closed form:

    codes_j = act(a_j),    a_j = sum_i x_i W_ij + b_j,
    loss    = ||x - reconstruction||^2 + strength * ||d codes / d x||_F^2,
    ||d codes / d x||_F^2 = sum_j act'(a_j)^2 sum_i W_ij^2,
    act' = codes (1 - codes) for a sigmoid, 1 - codes^2 for a tanh

Rifai, Vincent, Muller, Glorot and Bengio, "Contractive auto-encoders: explicit
invariance during feature extraction", ICML 2011; its companion is Rifai, Muller,
Glorot, Mesnil, Bengio and Vincent, "Learning invariant features through local space
contraction", 2011, arXiv:1104.4153.
"""

import math
from collections.abc import Callable, Sequence
from operator import index

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class ContractiveDense(layers.Dense):
    """A dense layer that adds `strength * ||d outputs / d inputs||_F^2` to the loss.

    The squared norm is that of each example, averaged over the batch. It costs little
    more than a plain step: the column norms of the kernel are taken once for the whole
    batch.

    Args:
        units: Number of outputs, a positive integer.
        activation: `"sigmoid"` or `"tanh"`.
        strength: What one unit of the penalty costs, a finite number from 0, on the
            scale of a reconstruction error summed over pixels. Fixed once the layer is
            made.
        **kwargs: Those of `keras.layers.Dense`.

    Example:
        >>> import aezoo, numpy as np
        >>> layer = aezoo.ContractiveDense(1, strength=1.0, kernel_initializer="ones")
        >>> codes = layer(np.zeros((5, 4)))  # a slope of 1/4 for each of 4 inputs
        >>> float(layer.losses[0])
        0.25
    """

    strength = property(lambda self: self._strength)

    def __init__(self, units, activation="sigmoid", strength=0.1, **kwargs):
        if activation not in ("sigmoid", "tanh"):
            raise ValueError(
                '`activation` must be "sigmoid" or "tanh". '
                f"Received: activation={activation!r}"
            )
        if not 0 <= strength < math.inf:
            raise ValueError(
                f"`strength` must be finite, from 0. Received: strength={strength!r}"
            )
        super().__init__(units, activation, **kwargs)
        self._strength = strength

    def call(self, inputs, training=None):
        """Return activations, `(batch, units)`."""
        codes = super().call(inputs, training)
        exact = ops.cast(codes, self.variable_dtype)  # in mixed precision too
        if self.activation is keras.activations.tanh:
            slope = 1.0 - ops.square(exact)  # (batch, units)
        else:
            slope = exact * (1.0 - exact)
        kernel = ops.cast(self.kernel, self.variable_dtype)
        column_norms = ops.sum(ops.square(kernel), axis=0)  # (units,)
        squared_norms = ops.matmul(ops.square(slope), column_norms)  # (batch,)
        self.add_loss(self.strength * ops.mean(squared_norms))
        return codes

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        return {**super().get_config(), "strength": self.strength}


def contractive_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 256,
    activation: str = "sigmoid",
    strength: float = 0.1,
    output_activation: str | Callable | None = "sigmoid",
    name: str = "contractive_autoencoder",
) -> keras.Model:
    """Build a one-layer autoencoder whose code resists small changes of the input.

    Penalised is `||d codes / d x||_F^2`, the sum over all pairs of a code and a pixel
    of the squared derivative, averaged over the batch.

    Unlike the paper's, the decoder has weights of its own, because tied weights do not
    survive a `.keras` file. That leaves a way out: a small encoder kernel lowers the
    penalty, and a large decoder kernel makes up for it. On MNIST the decoder's kernel,
    1.1 times as large as the encoder's without the penalty, is 1.6 times as large at
    the default `strength`. So judge the contraction by how far codes move under noise
    compared with how far apart they lie, not by the penalty alone.

    The penalty is part of the loss in `evaluate` too, and in any model that is built
    on the encoder. Pass the reconstruction error as a metric to tell the two apart; a
    model that is fitted without a loss trains the penalty alone.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. With the default sigmoid output, values in [0, 1].
        latent_dim: Numbers in a code, a positive integer; may exceed the input's.
        activation: Activation of the code, `"sigmoid"` or `"tanh"`.
        strength: What one unit of the penalty costs, a finite number from 0, on the
            scale of a reconstruction error summed over pixels. A strong penalty
            saturates the code: on MNIST, 1 drives half of the sigmoids below 0.05 or
            above 0.95.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: If `activation` or `strength` is out of its range; from
            Keras, if a size is not a positive integer or an activation is unknown.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.contractive_autoencoder((28, 28, 1), strength=0.1)
        >>> model.compile(
        ...     "adam", loss=aezoo.squared_error, metrics=[aezoo.squared_error]
        ... )
        >>> x = np.random.default_rng(0).random((64, 28, 28, 1))
        >>> history = model.fit(x, x, verbose=0).history
        >>> history["loss"][0] > history["squared_error"][0]
        True

    Reference:
        Rifai et al., ICML 2011: the penalty, and its closed form for sigmoids.
    """
    inputs = keras.Input(input_shape, name="inputs")
    flat = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    codes = ContractiveDense(index(latent_dim), activation, strength, name="codes")(
        flat
    )  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="latent_inputs")
    pixels = layers.Dense(
        index(math.prod(input_shape)), output_activation, dtype="float32", name="pixels"
    )(latent_inputs)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
