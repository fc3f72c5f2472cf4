# SPDX-License-Identifier: Apache-2.0
"""Layer-wise pretraining: a deep autoencoder as a stack of shallow ones.

The first layer is trained as a shallow autoencoder of the input, the second as one of
the first one's codes, and so on. With noise on what a layer sees it is a stack of
denoising autoencoders, with a price on the layer's Jacobian one of contractive ones.

    h_0 = x,    h_i = f_i(h_{i-1}),    r_i = g_i(f_i(corrupted h_{i-1}))
    layer i:  loss = ||h_{i-1} - r_i||^2 + strength * ||d h_i / d h_{i-1}||_F^2

Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep networks",
NIPS 2006. Denoising layers: Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked
denoising autoencoders: learning useful representations in a deep network with a local
denoising criterion", JMLR 11, 2010. Contractive layers: Rifai, Vincent, Muller, Glorot
and Bengio, "Contractive auto-encoders", ICML 2011.
"""

import math
from collections.abc import Callable, Sequence
from operator import index

import keras
import numpy as np
from keras import layers, ops

# The derivative of an activation, as a function of its value.
SLOPES = {
    keras.activations.sigmoid: lambda codes: codes * (1.0 - codes),
    keras.activations.tanh: lambda codes: 1.0 - ops.square(codes),
    keras.activations.relu: lambda codes: ops.cast(codes > 0.0, codes.dtype),
    keras.activations.linear: ops.ones_like,
}


class ShallowAutoencoder(layers.Layer):
    """A layer and its mirror, which adds their loss and returns the codes."""

    def __init__(self, layer, mirror, strength, loss):
        super().__init__(dtype="float32")  # in mixed precision too
        self.layer, self.mirror, self.strength = layer, mirror, strength
        self.loss = loss or (lambda x, r: ops.sum(ops.square(x - r), axis=-1))

    def call(self, targets, corrupted):
        """Return codes, `(batch, units)`, of what is corrupted."""
        codes = ops.cast(self.layer(corrupted), "float32")
        reconstruction = ops.cast(self.mirror(codes), "float32")
        self.add_loss(ops.mean(self.loss(targets, reconstruction)))
        if self.strength:
            # The Jacobian is diag(slopes) kernel^T: its norm needs no derivatives.
            slopes = SLOPES[self.layer.activation](codes)
            norms = ops.sum(ops.square(self.layer.kernel), axis=0)  # (units,)
            contraction = ops.sum(ops.square(slopes) * norms, axis=-1)
            self.add_loss(self.strength * ops.mean(contraction))
        return codes


def pretrain_layerwise(
    model: keras.Model,
    x,
    *,
    noise: layers.Layer | None = None,
    strength: float = 0.0,
    loss: Callable | None = None,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    epochs: int = 10,
    batch_size: int = 128,
    only: Sequence[int] | None = None,
    verbose: str | int = "auto",
) -> list[keras.callbacks.History]:
    """Train a dense autoencoder's layers one after the other, from the input inwards.

    Each layer of the encoder is trained together with its mirror in the decoder to
    reconstruct the codes of the layers below it, which stay as they are. The loss is
    the squared error of that reconstruction, summed over the units (or `loss`), plus
    `strength` times the squared Frobenius norm of the layer's Jacobian; both are
    averaged over the batch. Fine-tune the model afterwards with `compile` and `fit`.

    The model's own layers only receive the result: whether it is compiled, and which
    layers are trainable, stays as it was. If you interrupt it, the finished layers
    have their new weights and the others still have their old ones: go on with
    `only=(3, 4)`. Dropout layers are passed over.

    Args:
        model: A model from `stacked_autoencoder`, `undercomplete_autoencoder` or any
            other whose `"encoder"` and `"decoder"` are stacks of Dense layers that
            mirror each other. Training starts from its present weights.
        x: Examples, an array `(n, *input_shape)`, of which memory is needed for all
            codes of a layer, `(n, units)`; or what `fit` takes as a dataset, whose
            batches are examples or `(examples, targets)` and pass through the finished
            layers again each time; such targets are ignored. Dense numbers; in [0, 1]
            if the output is a sigmoid. Of a dataset only the first batch is checked.
        noise: A Keras layer that corrupts what each layer sees, `(batch, units)`, but
            not what it has to reconstruct: a stack of denoising autoencoders. For
            example `aezoo.MaskingCorruption(0.25)`; None for no noise.
        strength: Weight of the contraction penalty, a finite number from 0: a stack
            of contractive autoencoders. Above 0, all activations of the encoder must
            be sigmoid, tanh, relu or linear.
        loss: Function of `(batch, units)` targets and reconstructions that gives
            `(batch,)`, or None for the squared error, which suits codes of any range.
        optimizer: What `compile` accepts; each layer gets its own fresh copy.
        epochs: Passes over `x` for each layer, a positive integer.
        batch_size: Examples in a step, a positive integer; a dataset has its own.
        only: Numbers of the layers to train, from 1 beside the input; None for all.
        verbose: As in `fit`; unless it is 0, a line announces each layer.

    Returns:
        A list with the Keras `History` of each trained layer. The losses of different
        layers are on different scales, those of their codes.

    Raises:
        ValueError: If the model is not such a pair of stacks, an argument is outside
            its range, `x` has the wrong shape, is not finite or is outside [0, 1]
            where the output is a sigmoid, or a layer's training does not stay finite;
            the model keeps that layer's old weights then.

    Example:
        >>> import aezoo, keras, numpy as np
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> model = aezoo.stacked_autoencoder(
        ...     (8, 8, 1), latent_dim=4, hidden_units=(32,)
        ... )
        >>> noise = keras.layers.GaussianNoise(0.3)
        >>> histories = aezoo.pretrain_layerwise(
        ...     model, x, noise=noise, epochs=2, verbose=0
        ... )
        >>> [len(history.history["loss"]) for history in histories]
        [2, 2]

    Reference:
        Bengio and others, 2006; Vincent and others, 2010, for the noise; Rifai and
        others, 2011, for the contraction.
    """
    pairs = _layer_pairs(model)
    numbers = set(range(1, len(pairs) + 1) if only is None else only)
    _check_settings(numbers, len(pairs), epochs, batch_size, strength)
    if strength and not all(layer.activation in SLOPES for layer, _ in pairs):
        raise ValueError(
            "`strength` must be 0 unless all activations of the encoder are sigmoid, "
            f"tanh, relu or linear. Received: strength={strength!r}"
        )
    _check_examples(x, model.input_shape[1:], pairs[0][1].activation)
    optimizer = keras.optimizers.get(optimizer)
    options = dict(batch_size=index(batch_size), epochs=epochs, verbose=verbose)

    histories = []
    inputs = keras.Input(model.input_shape[1:])
    # What the next layer is to see and to reconstruct, in full precision.
    below = layers.Flatten("channels_last", dtype="float32")(inputs)
    for number, (layer, mirror) in enumerate(pairs[: max(numbers, default=0)], start=1):
        if number in numbers:
            if verbose != 0:
                print(f"Layer {number}:")
            # Copies are trained, so that a training cut short leaves nothing half done.
            shallow = ShallowAutoencoder(_copy(layer), _copy(mirror), strength, loss)
            corrupted = below
            if noise is not None:
                corrupted = type(noise).from_config(noise.get_config())(below)
            trainer = keras.Model(inputs, shallow(below, corrupted))
            trainer.compile(type(optimizer).from_config(optimizer.get_config()))
            history = trainer.fit(x, **options)
            trained, losses = shallow.get_weights(), history.history["loss"]
            # What has diverged is refused here, and the model keeps its old weights. In
            # float16, steps that are not finite leave weights alone: only losses tell.
            if not all(np.isfinite(each).all() for each in [*trained, losses]):
                raise ValueError(f"Layer {number} diverged. Received: {losses=}")
            histories.append(history)
            layer.set_weights(trained[: len(layer.weights)])
            mirror.set_weights(trained[len(layer.weights) :])
        frozen = _copy(layer)
        frozen.trainable = False
        below = frozen(below)
        # An array's codes are kept, not computed again in each step.
        if hasattr(x, "shape") and number < max(numbers):
            x = keras.Model(inputs, below).predict(x, batch_size=1000, verbose=0)
            inputs = below = keras.Input(x.shape[1:])
    return histories


def _layer_pairs(model):
    """Pair each Dense layer of the encoder with its mirror in the decoder."""
    passed_over = layers.InputLayer, layers.Flatten, layers.Reshape, layers.Dropout
    encoder, decoder = (
        [each for each in model.get_layer(side).layers if type(each) not in passed_over]
        for side in ("encoder", "decoder")
    )
    dense = all(isinstance(each, layers.Dense) for each in encoder + decoder)
    if not dense or [layer.kernel.shape for layer in encoder] != [
        mirror.kernel.shape[::-1] for mirror in reversed(decoder)
    ]:
        raise ValueError(
            "`model` must have an encoder and a decoder that mirror each other, stacks "
            f"of Dense layers. Received: {model}"
        )
    return list(zip(encoder, reversed(decoder), strict=True))


def _check_settings(numbers, count, epochs, batch_size, strength):
    positive = all(0 < each < math.inf for each in (epochs, batch_size))
    known = positive and 0 <= strength < math.inf
    if not known or not numbers <= set(range(1, count + 1)):
        raise ValueError(
            f"`strength` must be from 0, `only` in 1 to {count}, the others positive. "
            f"Received: {epochs=}, {batch_size=}, {strength=}, only={numbers}"
        )


def _check_examples(x, shape, activation):
    """Refuse what is no array and no dataset of fitting numbers, by its first batch."""
    batch = x if hasattr(x, "shape") else next(iter(x), math.nan)
    batch = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
    numbers = batch.dtype.kind in "biuf" and batch.size
    low, high = map(float, (batch.min(), batch.max()) if numbers else 2 * [math.nan])
    bounded = activation is keras.activations.sigmoid
    least, most = (0.0, 1.0) if bounded else (-1e30, 1e30)  # no infinity
    fits = batch.shape[1:] == shape and least <= low <= high <= most
    if not fits or isinstance(x, (tuple, list)) or iter(x) is x:
        raise ValueError(
            f"`x` must be dense, of shape {(None, *shape)}, from {least} to {most}, or "
            "a dataset of such batches, no list, that can be read again. Received: x "
            f"of type {type(x).__name__}, shape {batch.shape}, from {low} to {high}"
        )


def _copy(layer):
    copy = type(layer).from_config({**layer.get_config(), "trainable": True})
    copy.build((None, layer.kernel.shape[0]))
    copy.set_weights(layer.get_weights())
    return copy
