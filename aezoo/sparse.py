# SPDX-License-Identifier: Apache-2.0
"""The sparse autoencoder: many units, few of them active for any one example.

The code may have more numbers than the input, so its size does not stop the network
from copying. Instead each example may use only a few of them, and every unit has to
become a feature that is worth its place. Three ways to ask for few:

    loss = ||x - reconstruction||^2 + strength * penalty
    "l1"     penalty = sum_j |codes_j|, averaged over the batch
    "kl"     penalty = sum_j KL(target || rho_j), rho_j = mean of codes_j over the batch
             KL(t || r) = t log(t / r) + (1 - t) log((1 - t) / (1 - r))
    "top_k"  no penalty: all but the k largest codes of each example are set to 0

KL: Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2", NIPS
2007, had the target; Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011,
made it this divergence. Top-k: Makhzani and Frey, "k-Sparse Autoencoders", 2013,
arXiv:1312.5663.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class L1Sparsity(layers.Layer):
    """Adds `strength * sum_j |codes_j|`, averaged over the batch, to the loss."""

    def __init__(self, strength, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength

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
    """Adds `strength * sum_j KL(target || mean of codes_j over the batch)`."""

    def __init__(self, strength, target, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength
        self.target = target

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

    After training it keeps `inference_factor * k` of them, rounded. Equal codes are
    told apart by their position, so that no more are kept; the gradient reaches only
    what is kept.
    """

    def __init__(self, k, inference_factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.k = k
        self.inference_factor = inference_factor

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
    penalty: str = "kl",
    strength: float = 1.0,
    target: float = 0.05,
    k: int | None = None,
    inference_factor: float = 1.0,
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    kernel_regularizer=None,
    seed: int | None = None,
    name: str = "sparse_autoencoder",
) -> keras.Model:
    """Build a dense autoencoder in which each example activates few units.

    `penalty` says how the units are kept quiet, and which units the code has:

    - `"l1"`: rectified units, and the sum of their activations costs `strength`. Codes
      come out exactly 0. The cost can be dodged by a small code and a large decoder;
      `kernel_regularizer` works against that.
    - `"kl"`: sigmoid units, each with a mean activation drawn towards `target`. The
      mean is taken over the batch, so use batches of about 100 or more. Under
      `tf.distribute.MirroredStrategy` each device takes the mean of its own part:
      then about 100 for each. `keras.distribution` takes that of the whole batch.
    - `"top_k"`: linear units, of which the `k` largest are kept. Nothing is added to
      the loss. With a small `k` many units never win; fewer stay idle if training
      starts with a larger one and hands its weights on to a second model,
      `small.set_weights(large.get_weights())`.

    A penalty is part of the loss in `evaluate` too, and in any model that is built on
    the encoder. Pass the reconstruction error as a metric to tell the two apart.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. With the default sigmoid output, values in
            [0, 1].
        latent_dim: Numbers in a code, a positive integer; may exceed the input's.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        penalty: `"l1"`, `"kl"` or `"top_k"`.
        strength: What one unit of penalty costs, a number from 0, on the scale of a
            reconstruction error summed over pixels: 1 suits `"kl"` on MNIST, 0.3 suits
            `"l1"`. Not used by `"top_k"`.
        target: Wanted mean activation of each unit, between 0 and 1. Only for `"kl"`.
        k: Units kept while training, 1 to `latent_dim`, or None for a tenth of
            `latent_dim`. Only for `"top_k"`.
        inference_factor: `inference_factor * k` units are kept after training, rounded;
            1 to `latent_dim` of them. Only for `"top_k"`.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        kernel_regularizer: Weight decay for the kernels of all layers, such as
            `keras.regularizers.L2(1e-4)`, anything Keras accepts; None for none.
        seed: Integer from 0 for repeatable initial weights, or None to follow
            `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError: If an argument is out of its range or an activation is unknown.
            Arguments that the penalty does not use are checked too.

    Example:
        >>> import aezoo, keras, numpy as np
        >>> model = aezoo.sparse_autoencoder(
        ...     (28, 28, 1), kernel_regularizer=keras.regularizers.L2(1e-4)
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
        error is a `strength` of 6. Makhzani and Frey, 2013: `inference_factor` is
        their alpha.
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
    if penalty not in ("l1", "kl", "top_k"):
        raise ValueError(
            f'`penalty` must be "l1", "kl" or "top_k". Received: penalty={penalty!r}'
        )
    if not 0 <= strength < math.inf:
        raise ValueError(
            "`strength` must be a finite number from 0. "
            f"Received: strength={strength!r}"
        )
    if not 0 < target < 1:
        raise ValueError(
            f"`target` must be between 0 and 1. Received: target={target!r}"
        )
    if k is None:
        k = max(1, round(latent_dim / 10))
    if not _is_size(k) or k > latent_dim:
        raise ValueError(
            "`k` must be an integer from 1 to `latent_dim`, or None. "
            f"Received: k={k!r}, latent_dim={latent_dim}"
        )
    if not 1 <= inference_factor * k <= latent_dim:
        raise ValueError(
            "`inference_factor` must be such that `inference_factor * k` is between "
            "1 and `latent_dim`. "
            f"Received: inference_factor={inference_factor!r}, k={k}, "
            f"latent_dim={latent_dim}"
        )
    activation = keras.activations.get(activation)  # refused even if not used
    hidden_units = tuple(hidden_units)
    seeds = iter(_layer_seeds(seed, 2 * len(hidden_units) + 2))

    def dense(units, activation, name):
        return layers.Dense(
            units,
            activation,
            kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
            kernel_regularizer=kernel_regularizer,
            name=name,
        )

    if penalty == "l1":
        code_activation, sparsity = "relu", L1Sparsity(strength, name="sparsity")
    elif penalty == "kl":
        code_activation, sparsity = (
            "sigmoid",
            KLSparsity(strength, target, name="sparsity"),
        )
    else:
        code_activation, sparsity = None, TopK(k, inference_factor, name="sparsity")

    inputs = keras.Input(input_shape, name="inputs")
    features = layers.Flatten(name="pixels")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    codes = dense(latent_dim, code_activation, "codes")(features)  # (batch, latent_dim)
    encoder = keras.Model(inputs, sparsity(codes), name="encoder")

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
