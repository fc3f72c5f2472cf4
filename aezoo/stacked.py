# SPDX-License-Identifier: Apache-2.0
"""The stacked autoencoder: a deep network trained one layer at a time.

A deep autoencoder started from random weights can be slow to train or stay in a poor
place. Greedy pretraining trains the first layer as a shallow autoencoder of the input,
then the second as a shallow autoencoder of the first one's codes, and so on; each layer
takes its weights with it. The whole network is then fine-tuned from there, to
reconstruct or, with a softmax on the codes, to classify.

    h_0 = x,    h_i = f_i(h_{i-1}),    r_i = g_i(f_i(corrupted h_{i-1}))
    layer i:  loss = ||h_{i-1} - r_i||^2 + strength * ||d h_i / d h_{i-1}||_F^2

Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep networks",
NIPS 2006. Denoising layers: Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked
denoising autoencoders", JMLR 11, 2010. Contractive layers: Rifai, Vincent, Muller,
Glorot and Bengio, "Contractive auto-encoders", ICML 2011. A deep autoencoder pretrained
with Boltzmann machines: Hinton and Salakhutdinov, Science 313, 2006,
doi:10.1126/science.1127647.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops


def stacked_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 30,
    hidden_units: Sequence[int] = (1000, 500, 250),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    dropout: float = 0.0,
    seed: int | None = None,
    name: str = "stacked_autoencoder",
) -> keras.Model:
    """Build a deep dense autoencoder, meant for `pretrain_layerwise`.

    Nothing is penalised. The code is linear, so that no activation clips it. Layer i
    of the encoder, counted from the input, and layer i of the decoder, counted from
    the output, mirror each other and are pretrained together; in both, the layers
    before the last are named `"hidden_1"`, `"hidden_2"` and so on in the order in
    which they are computed.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. With the default sigmoid output, values in
            [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        activation: Activation of the hidden layers, anything Keras accepts. The papers
            used `"sigmoid"`, which trains slowly at this depth without pretraining.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        dropout: Fraction of the units of each hidden layer that is dropped at random
            while training, in [0, 1). Nothing is dropped in `predict` and `evaluate`.
        seed: Integer from 0 for repeatable initial weights and dropout, or None to
            follow `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError: If a size is not a positive integer, an activation is unknown,
            `dropout` is outside [0, 1) or `seed` is negative.

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
        Bengio and others, 2006; Hinton and Salakhutdinov, 2006, for the sizes.
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
    if not 0 <= dropout < 1:
        raise ValueError(
            "`dropout` must be a fraction from 0 up to, not including, 1. "
            f"Received: dropout={dropout!r}"
        )
    hidden_units = tuple(hidden_units)
    count = 2 * len(hidden_units)
    seeds = _layer_seeds(seed, 2 * count + 2)
    kernel_seeds, dropout_seeds = iter(seeds[: count + 2]), iter(seeds[count + 2 :])

    def dense(units, activation, name):
        initializer = keras.initializers.GlorotUniform(next(kernel_seeds))
        return layers.Dense(
            units, activation, kernel_initializer=initializer, name=name
        )

    def hidden_stack(features, sizes):
        for depth, units in enumerate(sizes, start=1):
            features = dense(units, activation, f"hidden_{depth}")(features)
            if dropout:
                features = layers.Dropout(
                    dropout, seed=next(dropout_seeds), name=f"dropout_{depth}"
                )(features)
        return features

    inputs = keras.Input(input_shape, name="inputs")
    features = hidden_stack(layers.Flatten(name="pixels")(inputs), hidden_units)
    codes = dense(latent_dim, None, "codes")(features)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    features = hidden_stack(latent_inputs, reversed(hidden_units))
    pixels = dense(math.prod(input_shape), output_activation, "pixels")(features)
    reconstruction = layers.Reshape(input_shape, name="reconstruction")(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)


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
        x: Examples, an array `(n, *input_shape)`, or a `tf.data.Dataset` whose
            batches are examples or `(examples, targets)`; such targets are ignored.
            In [0, 1] if the output is a sigmoid; of a dataset only the first batch is
            checked.
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
            its range, or `x` has the wrong shape, is not finite or is outside [0, 1]
            where the output is a sigmoid.

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
    if noise is not None and not isinstance(noise, layers.Layer):
        raise ValueError(
            "`noise` must be a Keras layer, such as keras.layers.GaussianNoise(0.3), "
            f"or None. Received: noise={noise!r}"
        )
    if not 0 <= strength < math.inf:
        raise ValueError(
            "`strength` must be a finite number from 0. "
            f"Received: strength={strength!r}"
        )
    if strength and not all(down.activation in _SLOPES for down, _ in pairs):
        raise ValueError(
            "`strength` must be 0 unless all activations of the encoder are sigmoid, "
            f"tanh, relu or linear. Received: strength={strength!r}"
        )
    numbers = range(1, len(pairs) + 1) if only is None else only
    if not np.iterable(numbers) or not set(numbers) <= {*range(1, len(pairs) + 1)}:
        raise ValueError(
            f"`only` must be numbers of layers from 1 to {len(pairs)}, or None. "
            f"Received: only={only!r}"
        )
    output_activation = pairs[0][1].activation
    bounded = output_activation is keras.activations.sigmoid
    _check_examples(x, model.input_shape[1:], bounded)
    optimizer = keras.optimizers.get(optimizer)

    histories = []
    for number in sorted(set(numbers)):
        # Copies are trained, so that a training cut short leaves nothing half done.
        inputs = keras.Input(model.input_shape[1:])
        targets = layers.Flatten()(inputs)
        for lower, _ in pairs[: number - 1]:
            frozen = _copy(lower)
            frozen.trainable = False
            targets = frozen(targets)  # (batch, units of the layer below)
        down, up = map(_copy, pairs[number - 1])
        down.trainable = up.trainable = True
        corrupt = type(noise).from_config(noise.get_config()) if noise else None
        shallow = _ShallowAutoencoder(down, up, corrupt, strength, loss)
        trainer = keras.Model(inputs, shallow(targets))
        trainer.compile(type(optimizer).from_config(optimizer.get_config()))
        if verbose != 0:
            size, units = down.kernel.shape
            print(f"Layer {number} of {len(pairs)}: {size} -> {units} -> {size}")
        history = trainer.fit(
            x,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            shuffle=hasattr(x, "shape"),  # a dataset has an order of its own
        )
        for layer, trained in zip(pairs[number - 1], (down, up), strict=True):
            layer.set_weights(trained.get_weights())
        histories.append(history)
    return histories


def classifier_from_encoder(
    model: keras.Model,
    num_classes: int,
    *,
    seed: int | None = None,
    name: str = "classifier",
) -> keras.Model:
    """Put a softmax on an autoencoder's codes, for supervised fine-tuning.

    The encoder is shared, not copied: training the classifier changes the encoder of
    `model` too, and its decoder no longer fits. To keep `model` as it is, build the
    classifier from a copy:

        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())

    With `model.get_layer("encoder").trainable = False` before `compile`, only the
    softmax is trained. Dropout and penalties in the encoder go on acting.

    Args:
        model: Any model with a layer `"encoder"`, pretrained or not.
        num_classes: Number of classes, an integer from 2.
        seed: Integer from 0 for repeatable initial weights of the softmax layer, or
            None to follow `keras.utils.set_random_seed`.
        name: Name of the classifier.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to probabilities
        `(batch, num_classes)`, with the layers `"encoder"` and `"probabilities"`.

    Raises:
        ValueError: If there is no encoder, `num_classes` is below 2 or `seed` is
            negative.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> labels = np.arange(64) % 10
        >>> model = aezoo.stacked_autoencoder((8, 8, 1), hidden_units=(32,))
        >>> classifier = aezoo.classifier_from_encoder(model, 10)
        >>> classifier.compile("adam", loss="sparse_categorical_crossentropy")
        >>> history = classifier.fit(x, labels, verbose=0)
        >>> classifier.predict(x, verbose=0).shape
        (64, 10)

    Reference:
        Bengio and others, 2006; Vincent and others, 2010.
    """
    if not _is_size(num_classes) or num_classes < 2:
        raise ValueError(
            "`num_classes` must be an integer from 2. "
            f"Received: num_classes={num_classes!r}"
        )
    (kernel_seed,) = _layer_seeds(seed, 1)
    inputs = keras.Input(model.input_shape[1:], name="inputs")
    codes = model.get_layer("encoder")(inputs)
    if isinstance(codes, (list, tuple)):  # a variational encoder's means come first
        codes = codes[0]
    probabilities = layers.Dense(
        num_classes,
        "softmax",
        kernel_initializer=keras.initializers.GlorotUniform(kernel_seed),
        name="probabilities",
    )(codes)  # (batch, num_classes)
    return keras.Model(inputs, probabilities, name=name)


# The derivative of an activation, as a function of its value.
_SLOPES = {
    keras.activations.sigmoid: lambda codes: codes * (1.0 - codes),
    keras.activations.tanh: lambda codes: 1.0 - ops.square(codes),
    keras.activations.relu: lambda codes: ops.cast(codes > 0.0, codes.dtype),
    keras.activations.linear: ops.ones_like,
}


class _ShallowAutoencoder(layers.Layer):
    """A layer of the encoder and its mirror, with their loss; returns the codes."""

    def __init__(self, down, up, noise, strength, loss):
        super().__init__()
        self.down, self.up, self.noise = down, up, noise
        self.strength, self.loss = strength, loss

    def call(self, targets, training=False):
        inputs = self.noise(targets, training=training) if self.noise else targets
        codes = self.down(inputs)  # (batch, units)
        reconstruction = self.up(codes)
        if self.loss is None:
            loss = ops.sum(ops.square(targets - reconstruction), axis=-1)
        else:
            loss = self.loss(targets, reconstruction)
        self.add_loss(ops.mean(loss))
        if self.strength:
            # The Jacobian is diag(slopes) kernel^T: its norm needs no derivatives.
            slopes = _SLOPES[self.down.activation](codes)
            norms = ops.sum(ops.square(self.down.kernel), axis=0)  # (units,)
            contraction = ops.sum(ops.square(slopes) * norms, axis=-1)
            self.add_loss(self.strength * ops.mean(contraction))
        return codes


def _copy(dense):
    copy = type(dense).from_config(dense.get_config())
    copy.build((None, dense.kernel.shape[0]))
    copy.set_weights(dense.get_weights())
    return copy


def _layer_pairs(model):
    """Pair each Dense layer of the encoder with its mirror in the decoder."""
    passed_over = layers.InputLayer, layers.Flatten, layers.Reshape, layers.Dropout
    encoder, decoder = (
        [
            layer
            for layer in model.get_layer(side).layers
            if not isinstance(layer, passed_over)
        ]
        for side in ("encoder", "decoder")
    )
    pairs = list(zip(encoder, reversed(decoder), strict=False))
    if len(encoder) != len(decoder) or not all(
        isinstance(down, layers.Dense)
        and isinstance(up, layers.Dense)
        and down.kernel.shape == up.kernel.shape[::-1]
        for down, up in pairs
    ):
        raise ValueError(
            "`model` must be an autoencoder whose encoder and decoder are stacks of "
            f"Dense layers that mirror each other. Received: model={model!r}"
        )
    return pairs


def _check_examples(x, shape, bounded):
    if not hasattr(x, "shape"):
        if not np.iterable(x) or iter(x) is x:
            raise ValueError(
                "`x` must be an array, or a dataset that can be read more than once. "
                f"Received: x={x!r}"
            )
        x = next(iter(x))
        x = x[0] if isinstance(x, tuple) else x
    x = np.asarray(x)
    if x.shape[1:] != shape or not len(x):
        raise ValueError(
            f"`x` must be of shape {(None, *shape)}. Received: x.shape={x.shape}"
        )
    low, high = (0, 1) if bounded else (-np.inf, np.inf)
    if not np.isfinite(x).all() or x.min() < low or x.max() > high:
        raise ValueError(
            "`x` must be finite, and in [0, 1] where the output is a sigmoid. "
            f"Received: x with values from {x.min()} to {x.max()}"
        )


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
