# SPDX-License-Identifier: Apache-2.0
"""Restricted Boltzmann machines, and deep autoencoders that are unrolled from them.

A restricted Boltzmann machine gives a probability to every image v through an energy
that joins its pixels to hidden units h, but no two of the same kind. It learns by
contrastive divergence: lower the free energy of the data, raise that of what k steps
of Gibbs sampling make of the data. A stack of them, each trained on the hidden
probabilities of the one below, gives a deep autoencoder weights to start from.

    E(v, h) = -v.b - h.c - v W h                 (both Bernoulli)
    F(v)    = -log sum_h exp(-E(v, h)) = -v.b - sum_j log(1 + exp(c_j + (v W)_j))
    loss    = F(v) - F(v after k steps)          (no gradient through the steps)

Gaussian units of variance 1 put |v - b|^2 / 2 in the place of -v.b, or |h - c|^2 / 2 in
the place of -h.c; the sum over h is then an integral.

Hinton, "Training products of experts by minimizing contrastive divergence", Neural
Computation 14, 2002, doi:10.1162/089976602760128018. Hinton and Salakhutdinov,
"Reducing the dimensionality of data with neural networks", Science 313, 2006,
doi:10.1126/science.1127647.
"""

import math
from collections.abc import Sequence
from operator import index

import keras
import numpy as np
from keras import layers, ops, optimizers

# The units of a machine that stand for a layer with this activation.
KINDS = {keras.activations.sigmoid: "bernoulli", keras.activations.linear: "gaussian"}


@keras.saving.register_keras_serializable(package="aezoo")
class BoltzmannMachine(layers.Layer):
    """Hidden means, `(batch, units)`, of a restricted Boltzmann machine.

    Each call adds the contrastive loss of its inputs, `(batch, ...)`: the states of
    the visible units, which are flattened to `(batch, pixels)` here and in every
    method. It computes in float32 in mixed precision too, since energies are sums over
    all pixels. Its settings are fixed once it is made.

    Args:
        units: Number of hidden units, a positive integer.
        visible: Kind of the visible units: `"bernoulli"` for values in [0, 1], which
            are taken as probabilities, or `"gaussian"` for columns of mean 0 and
            variance 1, which need a learning rate about a hundred times smaller.
        hidden: `"bernoulli"`, or `"gaussian"` for a linear code, which needs the small
            learning rate too; only one of the two kinds may be Gaussian.
        steps: Steps of Gibbs sampling, a positive integer: the k of CD-k.
        sample_visible: True to draw the visible units, so that with many steps the
            gradient becomes that of the likelihood; False to pass on their means, which
            is less noisy and gives better weights to an autoencoder.
        kernel_regularizer: Anything Keras accepts: `keras.regularizers.L2(1e-4)`.
        seed: Integer from 0 for repeatable sampling, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> rbm = aezoo.BoltzmannMachine(3)
        >>> tuple(rbm(np.zeros((5, 4))).shape), tuple(rbm.kernel.shape)
        ((5, 3), (4, 3))
    """

    units, visible, hidden, steps, sample_visible = (
        property(lambda self, name=name: self._settings[name])
        for name in ("units", "visible", "hidden", "steps", "sample_visible")
    )

    def __init__(
        self,
        units,
        visible="bernoulli",
        hidden="bernoulli",
        steps=1,
        sample_visible=True,
        kernel_regularizer=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})  # in mixed precision too
        if min(units, steps) < 1 or {visible, hidden} - {"gaussian"} != {"bernoulli"}:
            raise ValueError(
                "`units` and `steps` must be positive integers, and `visible` and "
                '`hidden` "bernoulli" or one of them "gaussian". Received: '
                f"{units=}, {visible=}, {hidden=}, {steps=}"
            )
        self._settings = {"units": index(units), "visible": visible, "hidden": hidden}
        self._settings |= {"steps": index(steps), "sample_visible": sample_visible}
        self.decay = keras.regularizers.get(kernel_regularizer)
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        """Create the kernel, `(pixels, units)`, and the biases of both sides."""
        shape = (math.prod(input_shape[1:]), self.units)
        self.kernel = self.add_weight(shape, name="kernel", regularizer=self.decay)
        self.visible_bias = self.add_weight(shape[:1], "zeros", name="visible_bias")
        self.hidden_bias = self.add_weight(shape[1:], "zeros", name="hidden_bias")

    def call(self, inputs):
        """Add the contrastive loss and return `hidden_mean(inputs)`."""
        sample = inputs
        for _ in range(self.steps):
            hidden = self._draw(self.hidden, self.hidden_mean(sample))
            sample = self.visible_mean(hidden)
            if self.sample_visible:
                sample = self._draw(self.visible, sample)
        sample = ops.stop_gradient(sample)
        self.add_loss(ops.mean(self.free_energy(inputs) - self.free_energy(sample)))
        return self.hidden_mean(inputs)

    def hidden_mean(self, v):
        """Mean of each hidden unit given the visible units, `(batch, units)`."""
        field = ops.matmul(self._flat(v), self.kernel) + self.hidden_bias
        return ops.sigmoid(field) if self.hidden == "bernoulli" else field

    def visible_mean(self, h):
        """Mean of each visible unit given the hidden units, `(batch, pixels)`."""
        h = ops.cast(h, self.compute_dtype)
        field = ops.matmul(h, ops.transpose(self.kernel)) + self.visible_bias
        return ops.sigmoid(field) if self.visible == "bernoulli" else field

    def free_energy(self, v):
        """`-log sum_h exp(-E(v, h))` of each example, `(batch,)`, in nats.

        For Gaussian hidden units the sum is an integral, and the constant
        `-units / 2 * log(2 pi)` is left out.
        """
        v, b = self._flat(v), self.visible_bias
        own = -v * b if self.visible == "bernoulli" else 0.5 * ops.square(v - b)
        field = ops.matmul(v, self.kernel) + self.hidden_bias
        squares = 0.5 * (ops.square(field) - ops.square(self.hidden_bias))
        gain = ops.softplus(field) if self.hidden == "bernoulli" else squares
        return ops.sum(own, axis=-1) - ops.sum(gain, axis=-1)

    def _flat(self, v):
        return ops.reshape(ops.cast(v, self.compute_dtype), (-1, self.kernel.shape[0]))

    def _draw(self, kind, mean):
        if kind == "gaussian":
            return mean + keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        uniform = keras.random.uniform(ops.shape(mean), seed=self.seed_generator)
        return ops.cast(uniform < mean, mean.dtype)

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        regularizer = keras.regularizers.serialize(self.decay)
        own = {**self._settings, "kernel_regularizer": regularizer, "seed": self.seed}
        return {**super().get_config(), **own}


def restricted_boltzmann_machine(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 500,
    name: str = "restricted_boltzmann_machine",
    **settings,
) -> keras.Model:
    """Build a restricted Boltzmann machine that `fit(x)` trains.

    Its layer `"rbm"` adds the loss, so compile it with an optimizer only and fit it
    without targets: the gradient is that of contrastive divergence, <v h> over the
    data minus <v h> over the reconstructions after `steps` steps.

    The loss itself says little: the reconstructions change with the weights, and it
    need not fall. Watch the squared error of `rbm.visible_mean(rbm.hidden_mean(x))`
    instead, and the mean of `rbm.free_energy(x)` over training and held-out examples,
    which drift apart when the machine overfits. `evaluate` and `predict` draw a
    reconstruction too.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`.
        latent_dim: Number of hidden units, a positive integer.
        name: Name of the model.
        **settings: Those of `BoltzmannMachine`: `visible`, `hidden`, `steps`,
            `sample_visible`, `kernel_regularizer`, `seed`.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the means of the
        hidden units, `(batch, latent_dim)`: probabilities if they are Bernoulli. Its
        layer `"rbm"` is a `BoltzmannMachine`.

    Raises:
        ValueError, TypeError: If `latent_dim` or a setting is out of its range; from
            Keras, if `input_shape` is not of positive integers.

    Example:
        >>> import aezoo, keras, numpy as np
        >>> x = np.random.default_rng(0).integers(0, 2, size=(64, 8, 8, 1))
        >>> model = aezoo.restricted_boltzmann_machine((8, 8, 1), latent_dim=16)
        >>> model.compile(keras.optimizers.SGD(0.1, momentum=0.5))
        >>> history = model.fit(x, verbose=0)
        >>> rbm = model.get_layer("rbm")
        >>> tuple(rbm.visible_mean(rbm.hidden_mean(x)).shape)
        (64, 64)
        >>> tuple(rbm.free_energy(x).shape)
        (64,)

    Reference:
        Hinton and Salakhutdinov, 2006, equations 1 and 2; Hinton, 2002.
    """
    inputs = keras.Input(input_shape, name="inputs")
    rbm = BoltzmannMachine(latent_dim, name="rbm", **settings)
    return keras.Model(inputs, rbm(inputs), name=name)  # to (batch, latent_dim)


def pretrain_boltzmann(
    model: keras.Model,
    x,
    *,
    steps: int = 1,
    learning_rate: float = 0.1,
    weight_decay: float = 2e-4,
    epochs: int = 10,
    batch_size: int = 100,
    only: Sequence[int] | None = None,
    verbose: str | int = "auto",
) -> list[BoltzmannMachine]:
    """Train a stack of restricted Boltzmann machines and unroll it into a model.

    Each machine learns from the hidden means of the one below, by contrastive
    divergence with the means of the visible units. Layer i of the encoder gets the
    kernel W and the hidden biases, its mirror in the decoder the transpose of W and the
    visible biases. Fine-tune the model afterwards with `compile` and `fit`.

    The settings are those of the paper: gradient descent with momentum, 0.5 for five
    epochs and then 0.9, and a linear layer's learning rate is a hundredth. As the loss
    says little, a line gives each machine's squared reconstruction error, summed over
    units, of the first batch.

    If you interrupt it, the finished layers have their new weights and the others still
    have their old ones: go on with `only=(3, 4)`. Dropout layers are passed over.

    Args:
        model: A model from `stacked_autoencoder(activation="sigmoid")`, or any other
            whose `"encoder"` and `"decoder"` are stacks of Dense layers that mirror
            each other, sigmoid (Bernoulli units) or linear (Gaussian units, on one side
            of a machine only). Training starts from the present kernels of the encoder
            and the biases.
        x: Examples, an array `(n, *input_shape)`, of which memory is needed for all
            hidden means of a layer, `(n, units)`; or what `fit` takes as a dataset,
            whose batches are examples or `(examples, targets)` and pass through the
            finished layers again each time; such targets are ignored. Dense numbers,
            in [0, 1] if the output is a sigmoid, standardised if it is linear. Of a
            dataset only the first batch is checked.
        steps: Steps of Gibbs sampling, a positive integer: the k of CD-k.
        learning_rate: Positive; that of a machine with Gaussian units is a hundredth.
        weight_decay: From 0; what is subtracted from a kernel's gradient, per weight.
        epochs: Passes over `x` for each machine, a positive integer.
        batch_size: Examples in a step, a positive integer; a dataset has its own.
        only: Numbers of the layers to train, from 1 beside the input; None for all.
        verbose: As in `fit`; unless it is 0, a line tells of each layer.

    Returns:
        A list with the trained machines, layers of the kind `BoltzmannMachine`.

    Raises:
        ValueError: If the model is not such a pair of stacks, an argument is outside
            its range, `x` has the wrong shape, is not finite or is outside [0, 1]
            where the output is a sigmoid, or a machine's training does not stay finite;
            the model keeps that layer's old weights then.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> model = aezoo.stacked_autoencoder(
        ...     (8, 8, 1), latent_dim=4, hidden_units=(32,), activation="sigmoid"
        ... )
        >>> machines = aezoo.pretrain_boltzmann(model, x, epochs=1, verbose=0)
        >>> [machine.units for machine in machines]
        [32, 4]

    Reference:
        Hinton and Salakhutdinov, 2006, and the code published with it.
    """
    pairs = _layer_pairs(model)
    numbers = set(range(1, len(pairs) + 1) if only is None else only)
    _check_settings(numbers, len(pairs), epochs, batch_size, learning_rate)
    _check_examples(x, model.input_shape[1:], KINDS[pairs[0][1].activation])
    options = {"batch_size": index(batch_size), "verbose": verbose}

    machines = []
    inputs = keras.Input(model.input_shape[1:])
    # What the next layer is to see and to reconstruct, in full precision.
    below = layers.Flatten("channels_last", dtype="float32")(inputs)
    for number, (layer, mirror) in enumerate(pairs[: max(numbers, default=0)], start=1):
        if number in numbers:
            kinds = KINDS[mirror.activation], KINDS[layer.activation]
            decay = keras.regularizers.L2(weight_decay / 2)
            rbm = BoltzmannMachine(layer.units, *kinds, steps, False, decay)
            trainer = keras.Model(inputs, rbm(below))
            kernel, hidden_bias = layer.get_weights()
            rbm.set_weights([kernel, mirror.get_weights()[1], hidden_bias])
            rate = float(learning_rate) / (100 if "gaussian" in kinds else 1)
            for start, stop, momentum in ((0, min(5, epochs), 0.5), (5, epochs, 0.9)):
                # No loss scaling in mixed precision, since machines are in float32.
                trainer.compile(optimizers.SGD(rate, momentum), auto_scale_loss=False)
                trainer.fit(x, initial_epoch=start, epochs=stop, **options)
            kernel, visible_bias, hidden_bias = trained = rbm.get_weights()
            # What has diverged is refused here, and the model keeps its old weights.
            if not all(np.isfinite(each).all() for each in trained):
                raise ValueError(f"Layer {number} diverged. Received: {learning_rate=}")
            layer.set_weights([kernel, hidden_bias])
            mirror.set_weights([kernel.T, visible_bias])
            machines.append(rbm)
            if verbose != 0:
                v = keras.Model(inputs, below).predict(x, index(batch_size), 0, steps=1)
                gaps = ops.square(ops.subtract(v, rbm.visible_mean(rbm.hidden_mean(v))))
                print(f"Layer {number}: squared error {ops.sum(gaps) / len(v):.4g}")
        frozen = type(layer).from_config({**layer.get_config(), "trainable": False})
        below = frozen(below)
        frozen.set_weights(layer.get_weights())
        # An array's codes are kept, not computed again in each step.
        if hasattr(x, "shape") and number < max(numbers):
            x = keras.Model(inputs, below).predict(x, batch_size=1000, verbose=0)
            inputs = below = keras.Input(x.shape[1:])
    return machines


def _layer_pairs(model):
    """Pair each Dense layer of the encoder with its mirror in the decoder."""
    passed_over = layers.InputLayer, layers.Flatten, layers.Reshape, layers.Dropout
    encoder, decoder = (
        [each for each in model.get_layer(side).layers if type(each) not in passed_over]
        for side in ("encoder", "decoder")
    )
    dense = all(isinstance(e, layers.Dense) and e.use_bias for e in encoder + decoder)
    known = dense and {each.activation for each in encoder + decoder} <= set(KINDS)
    if not known or [layer.kernel.shape for layer in encoder] != [
        mirror.kernel.shape[::-1] for mirror in reversed(decoder)
    ]:
        raise ValueError(
            "`model` must have an encoder and a decoder that mirror each other, stacks "
            f"of sigmoid or linear Dense layers with biases. Received: {model}"
        )
    return list(zip(encoder, reversed(decoder), strict=True))


def _check_settings(numbers, count, epochs, batch_size, learning_rate):
    positive = all(0 < each < math.inf for each in (epochs, batch_size, learning_rate))
    if not positive or not numbers <= set(range(1, count + 1)):
        raise ValueError(
            f"All but `only` must be positive, and `only` in 1 to {count}. Received: "
            f"{epochs=}, {batch_size=}, {learning_rate=}, only={numbers}"
        )


def _check_examples(x, shape, kind):
    """Refuse what is no array and no dataset of fitting numbers, by its first batch."""
    batch = x if hasattr(x, "shape") else next(iter(x), math.nan)
    batch = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
    numbers = batch.dtype.kind in "biuf" and batch.size
    low, high = map(float, (batch.min(), batch.max()) if numbers else 2 * [math.nan])
    least, most = (0.0, 1.0) if kind == "bernoulli" else (-1e30, 1e30)  # finite
    fits = batch.shape[1:] == shape and least <= low <= high <= most
    if not fits or isinstance(x, (tuple, list)) or iter(x) is x:
        raise ValueError(
            f"`x` must be dense, of shape {(None, *shape)}, from {least} to {most}, or "
            "a dataset of such batches, no list, that can be read again. Received: x "
            f"of type {type(x).__name__}, shape {batch.shape}, from {low} to {high}"
        )
