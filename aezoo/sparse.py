# SPDX-License-Identifier: Apache-2.0
"""The sparse autoencoder: many units, few of them active for any one example.

The code may have more numbers than the input, so its size does not stop the network
from copying. Instead each example may use only a few of them, and every unit has to
become a feature that is worth its place. Three layers ask for few:

    loss = ||x - reconstruction||^2 + strength * penalty
    L1Sparsity   penalty = sum_j |codes_j|, averaged over the batch
    KLSparsity   penalty = sum_j KL(target || rho_j), rho_j = mean of codes_j over the
                 batch, KL(t || r) = t log(t / r) + (1 - t) log((1 - t) / (1 - r))
    TopK         no penalty: all but the k largest codes of each example become 0

KL: Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2", NIPS
2007, had the target; Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011,
made it this divergence. Top-k: Makhzani and Frey, "k-Sparse Autoencoders", 2013,
arXiv:1312.5663.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import index

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class L1Sparsity(layers.Layer):
    """Adds `strength * sum_j |codes_j|`, averaged over the batch, to the loss.

    Its codes are rectified and come out exactly 0. The cost can be dodged by a small
    code and a large decoder; weight decay works against that.

    Args:
        strength: A finite number from 0, on the scale of a reconstruction error that
            is summed over pixels; 0.3 suits MNIST. Fixed once the layer is made.

    Example:
        >>> import aezoo, numpy as np
        >>> layer = aezoo.L1Sparsity(0.5)
        >>> codes = layer(np.array([[1.0, 3.0], [0.0, 2.0]]))
        >>> float(layer.losses[0])
        1.5
    """

    code_activation = "relu"
    strength = property(lambda self: self._strength)

    def __init__(self, strength=0.3, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= strength < math.inf:
            raise ValueError(
                f"`strength` must be finite, from 0. Received: strength={strength!r}"
            )
        self._strength = strength

    def call(self, codes):
        """Return `codes`, `(batch, latent_dim)`, as they are."""
        exact = ops.cast(codes, self.variable_dtype)  # in mixed precision too
        penalty = ops.mean(ops.sum(ops.abs(exact), axis=-1))
        self.add_loss(self.strength * penalty)
        return codes

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        return {**super().get_config(), "strength": self.strength}


@keras.saving.register_keras_serializable(package="aezoo")
class KLSparsity(layers.Layer):
    """Adds `strength * sum_j KL(target || mean of codes_j over the batch)`.

    Its codes are sigmoids, each with a mean that is drawn towards `target`. The mean
    is taken over the batch, so use batches of about 100 or more. Under
    `tf.distribute.MirroredStrategy` each device takes the mean of its own part: then
    about 100 for each. `keras.distribution` takes that of the whole batch.

    Args:
        strength: A finite number from 0, on the scale of a reconstruction error that
            is summed over pixels; 1 suits MNIST. Fixed once the layer is made.
        target: Wanted mean of each unit, between 0 and 1. Fixed like `strength`.

    Example:
        >>> import aezoo, numpy as np
        >>> layer = aezoo.KLSparsity(target=0.25)
        >>> codes = layer(np.array([[0.0], [0.5]]))  # a mean of 0.25
        >>> abs(float(layer.losses[0])) < 1e-6
        True
    """

    code_activation = "sigmoid"
    strength = property(lambda self: self._strength)
    target = property(lambda self: self._target)

    def __init__(self, strength=1.0, target=0.05, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= strength < math.inf:
            raise ValueError(
                f"`strength` must be finite, from 0. Received: strength={strength!r}"
            )
        if not 0 < target < 1:
            raise ValueError(
                f"`target` must be between 0 and 1. Received: target={target!r}"
            )
        self._strength, self._target = strength, target

    def call(self, codes):
        """Return `codes`, `(batch, latent_dim)`, as they are."""
        exact = ops.cast(codes, self.variable_dtype)  # in mixed precision too
        # The codes are sigmoids, which float32 rounds to exactly 0 or 1.
        rho = ops.clip(ops.mean(exact, axis=0), 1e-7, 1.0 - 1e-7)  # (latent_dim,)
        t = self.target
        divergence = t * ops.log(t / rho) + (1 - t) * ops.log((1 - t) / (1 - rho))
        self.add_loss(self.strength * ops.sum(divergence))
        return codes

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        own = {"strength": self.strength, "target": self.target}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="aezoo")
class TopK(layers.Layer):
    """Keeps the `k` largest codes of each example and sets the others to 0.

    Its codes are linear, and nothing is added to the loss. Equal codes are told apart
    by their position, so that no more are kept; the gradient reaches only what is
    kept. With a small `k` many units never win; fewer stay idle if training starts
    with a larger one and hands its weights on to a second model,
    `small.set_weights(large.get_weights())`.

    Args:
        k: Codes kept while training, an integer from 1 to their number. Fixed once the
            layer is made.
        inference_factor: `inference_factor * k` codes are kept after training, rounded;
            1 to their number. Makhzani and Frey call it alpha.

    Example:
        >>> import aezoo, numpy as np
        >>> codes = aezoo.TopK(1)(np.array([[1.0, 3.0, 2.0]]), training=True)
        >>> np.asarray(codes).tolist()
        [[0.0, 3.0, 0.0]]
    """

    code_activation = None
    k = property(lambda self: self._k)
    inference_factor = property(lambda self: self._inference_factor)

    def __init__(self, k, inference_factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self._k, self._inference_factor = index(k), inference_factor

    def build(self, input_shape):
        """Check `k` and `inference_factor` against the number of codes."""
        kept, units = self.inference_factor * self.k, input_shape[-1]
        if not (1 <= self.k <= units and 1 <= kept <= units):
            raise ValueError(
                f"`k` and `inference_factor * k` must be from 1 to {units}, the number "
                f"of codes. Received: k={self.k}, "
                f"inference_factor={self.inference_factor!r}"
            )

    def call(self, codes, training=False):
        """Return `codes`, `(batch, latent_dim)`, with the smaller ones set to 0."""
        k = self.k if training else round(self.inference_factor * self.k)
        _, kept = ops.top_k(codes, k)  # (batch, k)
        return codes * ops.multi_hot(kept, codes.shape[-1], dtype=codes.dtype)

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        own = {"k": self.k, "inference_factor": self.inference_factor}
        return {**super().get_config(), **own}


def sparse_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 256,
    hidden_units: Sequence[int] = (),
    sparsity: layers.Layer | None = KLSparsity(strength=1.0, target=0.05),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    kernel_regularizer=None,
    decoder_constraint=None,
    name: str = "sparse_autoencoder",
) -> keras.Model:
    """Build a dense autoencoder in which each example activates few units.

    The layer `sparsity` acts on the code. A penalty that it adds is part of the loss
    in `evaluate` too, and in any model that is built on the encoder. Pass the
    reconstruction error as a metric to tell the two apart; a model that is fitted
    without a loss trains the penalty alone, and its reconstructions stay grey.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. With the default sigmoid output, values in [0, 1].
        latent_dim: Numbers in a code, a positive integer; may exceed the input's.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        sparsity: `KLSparsity`, `L1Sparsity`, `TopK`, or any other Keras layer from
            codes to codes of the same shape; None for none. The model makes a copy of
            it. Its `code_activation`, if it has one, is the activation of the code.
        activation: Activation of the hidden layers, and of the code where `sparsity`
            does not say it; anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        kernel_regularizer: Weight decay for the kernels of all layers, such as
            `keras.regularizers.L2(1e-4)`, anything Keras accepts; None for none.
        decoder_constraint: Constraint on the kernel of the decoder's last layer,
            anything Keras accepts; None for none. Without hidden layers a row of it is
            what a unit adds to the reconstruction, and `keras.constraints.UnitNorm(
            axis=1)` gives all of them length 1 after each step: no small code can hide
            behind a large decoder.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, whose last
        layer is `"sparsity"`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: From Keras, if a size is not a positive integer or an
            activation is unknown; from `sparsity`, if it does not fit the code.

    Example:
        >>> import aezoo, keras, numpy as np
        >>> model = aezoo.sparse_autoencoder(
        ...     (28, 28, 1),
        ...     sparsity=aezoo.KLSparsity(target=0.1),
        ...     kernel_regularizer=keras.regularizers.L2(1e-4),
        ... )
        >>> model.compile(
        ...     "adam", loss=aezoo.squared_error, metrics=[aezoo.squared_error]
        ... )
        >>> x = np.random.default_rng(0).random((64, 28, 28, 1))
        >>> history = model.fit(x, x, verbose=0).history
        >>> history["loss"][0] > history["squared_error"][0]
        True

    Reference:
        Ng, 2011: the cost with the KL penalty; its weight of 3 beside half the squared
        error is a `strength` of 6. Makhzani and Frey, 2013, for `TopK`.
    """
    sparsity = layers.Identity() if sparsity is None else sparsity
    # A copy, so that several models can be built with one layer.
    sparsity = sparsity.from_config({**sparsity.get_config(), "name": "sparsity"})
    dense = partial(layers.Dense, kernel_regularizer=kernel_regularizer)

    inputs = keras.Input(input_shape, name="inputs")
    hidden = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        hidden = dense(index(units), activation, name=f"hidden_{depth}")(hidden)
    code_activation = getattr(sparsity, "code_activation", activation)
    codes = dense(index(latent_dim), code_activation, name="codes")(hidden)
    encoder = keras.Model(inputs, sparsity(codes), name="encoder")

    latent_inputs = hidden = keras.Input((latent_dim,), name="latent_inputs")
    for depth, units in reversed([*enumerate(hidden_units, start=1)]):
        hidden = dense(index(units), activation, name=f"mirror_{depth}")(hidden)
    pixels = dense(
        index(math.prod(input_shape)),
        output_activation,
        kernel_constraint=decoder_constraint,
        dtype="float32",
        name="pixels",
    )(hidden)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
