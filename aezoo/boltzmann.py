# SPDX-License-Identifier: Apache-2.0
"""Restricted Boltzmann machines, and the deep autoencoder that is unrolled from them.

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
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class BoltzmannMachine(layers.Layer):
    """Hidden means, `(batch, units)`, of a restricted Boltzmann machine.

    Each call adds the contrastive loss of its inputs, `(batch, ...)`: the states of
    the visible units, which are flattened to `(batch, pixels)` here and in every
    method. See `restricted_boltzmann_machine` for the arguments.
    """

    def __init__(
        self,
        units,
        visible="bernoulli",
        hidden="bernoulli",
        steps=1,
        sample_visible=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.visible = visible
        self.hidden = hidden
        self.steps = steps
        self.sample_visible = sample_visible
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        """Create the kernel, `(pixels, units)`, and the biases of both sides."""
        pixels = math.prod(input_shape[1:])
        self.kernel = self.add_weight(
            name="kernel",
            shape=(pixels, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.visible_bias = self.add_weight(
            name="visible_bias", shape=(pixels,), initializer="zeros"
        )
        self.hidden_bias = self.add_weight(
            name="hidden_bias", shape=(self.units,), initializer="zeros"
        )

    def call(self, inputs):
        """Add the contrastive loss and return `hidden_mean(inputs)`."""
        sample = inputs
        for _ in range(self.steps):
            hidden = self._draw(self.hidden, self.hidden_mean(sample))
            sample = self.visible_mean(hidden)
            if self.sample_visible:
                sample = self._draw(self.visible, sample)
        sample = ops.stop_gradient(sample)
        contrast = ops.mean(self.free_energy(inputs) - self.free_energy(sample))
        self.add_loss(ops.cast(contrast, self.variable_dtype))  # in mixed precision too
        return self.hidden_mean(inputs)

    def hidden_mean(self, v):
        """Mean of each hidden unit given the visible units, `(batch, units)`."""
        field = self._hidden_field(self._flat(v))
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
        v = self._flat(v)
        if self.visible == "bernoulli":
            energy = -ops.sum(v * self.visible_bias, axis=-1)
        else:
            energy = 0.5 * ops.sum(ops.square(v - self.visible_bias), axis=-1)
        field = self._hidden_field(v)
        if self.hidden == "bernoulli":
            return energy - ops.sum(ops.softplus(field), axis=-1)
        squares = ops.square(field) - ops.square(self.hidden_bias)
        return energy - 0.5 * ops.sum(squares, axis=-1)

    def _flat(self, v):
        pixels = self.visible_bias.shape[0]
        return ops.reshape(ops.cast(v, self.compute_dtype), (-1, pixels))

    def _hidden_field(self, v):
        return ops.matmul(v, self.kernel) + self.hidden_bias

    def _draw(self, kind, mean):
        if kind == "gaussian":
            return mean + keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        uniform = keras.random.uniform(ops.shape(mean), seed=self.seed_generator)
        return ops.cast(uniform < mean, mean.dtype)

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        return {
            **super().get_config(),
            "units": self.units,
            "visible": self.visible,
            "hidden": self.hidden,
            "steps": self.steps,
            "sample_visible": self.sample_visible,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "seed": self.seed,
        }


def restricted_boltzmann_machine(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 500,
    visible: str = "bernoulli",
    hidden: str = "bernoulli",
    steps: int = 1,
    sample_visible: bool = True,
    kernel_regularizer=None,
    seed: int | None = None,
    name: str = "restricted_boltzmann_machine",
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
            `(784,)`; positive integers.
        latent_dim: Number of hidden units, a positive integer.
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
        seed: Integer from 0 for repeatable initial weights and sampling, or None to
            follow `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the means of the
        hidden units, `(batch, latent_dim)`: probabilities if they are Bernoulli. Its
        layer `"rbm"` is a `BoltzmannMachine`.

    Raises:
        ValueError: If a size or `steps` is not a positive integer, a kind of unit is
            unknown, both are Gaussian, or `seed` is negative.

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
    _check_sizes(input_shape, latent_dim)
    kinds = ("bernoulli", "gaussian")
    if visible not in kinds:
        raise ValueError(
            '`visible` must be "bernoulli" or "gaussian". '
            f"Received: visible={visible!r}"
        )
    if hidden not in kinds or visible == hidden == "gaussian":
        raise ValueError(
            '`hidden` must be "bernoulli", or "gaussian" if `visible` is not. '
            f"Received: hidden={hidden!r}, visible={visible!r}"
        )
    if not _is_size(steps):
        raise ValueError(
            f"`steps` must be a positive integer. Received: steps={steps!r}"
        )
    kernel_seed, chain_seed = _layer_seeds(seed, 2)
    inputs = keras.Input(input_shape, name="inputs")
    probabilities = BoltzmannMachine(
        latent_dim,
        visible,
        hidden,
        steps,
        sample_visible,
        kernel_initializer=keras.initializers.GlorotUniform(kernel_seed),
        kernel_regularizer=kernel_regularizer,
        seed=chain_seed,
        name="rbm",
    )(inputs)  # (batch, latent_dim)
    return keras.Model(inputs, probabilities, name=name)


def deep_belief_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 30,
    hidden_units: Sequence[int] = (1000, 500, 250),
    output_activation: str | Callable | None = "sigmoid",
    seed: int | None = None,
    name: str = "deep_belief_autoencoder",
) -> keras.Model:
    """Build the deep autoencoder of logistic units with a linear code.

    Nothing is penalised. From the random weights that it starts with it trains slowly:
    ten epochs on 10,000 digits left a squared error of 37 on the test images, where the
    same training after ten epochs of `pretrain_boltzmann` reached 6.9.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. With the default sigmoid output, values in
            [0, 1].
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's logistic layers before the code, from the
            input inwards; the decoder mirrors them. Positive integers; may be empty.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for standardised data, which Gaussian units then model.
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
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> model = aezoo.deep_belief_autoencoder(
        ...     (8, 8, 1), latent_dim=4, hidden_units=(32, 16)
        ... )
        >>> machines = aezoo.pretrain_boltzmann(model, x, epochs=1, verbose=0)
        >>> model.compile("adam", loss=aezoo.bernoulli_nll)  # then fine-tune it all
        >>> history = model.fit(x, x, verbose=0)
        >>> model.get_layer("encoder").predict(x, verbose=0).shape
        (64, 4)

    Reference:
        Hinton and Salakhutdinov, 2006, figure 1.
    """
    _check_sizes(input_shape, latent_dim)
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
        features = dense(units, "sigmoid", f"hidden_{depth}")(features)
    codes = dense(latent_dim, None, "codes")(features)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    features = latent_inputs
    for depth, units in enumerate(reversed(hidden_units), start=1):
        features = dense(units, "sigmoid", f"hidden_{depth}")(features)
    pixels = dense(math.prod(input_shape), output_activation, "pixels")(features)
    reconstruction = layers.Reshape(input_shape, name="reconstruction")(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)


def pretrain_boltzmann(
    model: keras.Model,
    x,
    *,
    epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float = 0.1,
    weight_decay: float = 2e-4,
    steps: int = 1,
    only: Sequence[int] | None = None,
    seed: int | None = None,
    verbose: str | int = "auto",
) -> list[keras.Model]:
    """Train a stack of restricted Boltzmann machines and unroll it into a model.

    Each machine learns from the hidden means of the one below, by contrastive
    divergence with the means of the visible units. Layer i of the encoder gets the
    kernel W and the hidden biases, its mirror in the decoder the transpose of W and the
    visible biases. Fine-tune the model afterwards with `compile` and `fit`.

    The settings are those of the paper: gradient descent with momentum, 0.5 for five
    epochs and then 0.9, and a linear layer's learning rate is a hundredth. As the loss
    says little, a line gives each machine's squared reconstruction error.

    If you interrupt it, the finished layers have their new weights and the others still
    have their old ones: go on with `only=(3, 4)`.

    Args:
        model: A model from `deep_belief_autoencoder`, or any other whose `"encoder"`
            and `"decoder"` are stacks of Dense layers that mirror each other, sigmoid
            (Bernoulli units) or linear (Gaussian units, on one side of a machine only).
            Training starts from the present kernels of the encoder and the biases.
        x: Examples, an array `(n, *input_shape)`: in [0, 1] if the output is a sigmoid,
            standardised if it is linear. Memory is needed for all hidden means of a
            layer, `(n, units)`.
        epochs: Passes over `x` for each machine, a positive integer.
        batch_size: Examples in a step, a positive integer.
        learning_rate: Positive; that of a machine with Gaussian units is a hundredth.
        weight_decay: From 0; what is subtracted from a kernel's gradient, per weight.
        steps: Steps of Gibbs sampling, a positive integer: the k of CD-k.
        only: Numbers of the layers to train, from 1 beside the input; None for all.
        seed: Integer from 0 for repeatable sampling, or None to follow
            `keras.utils.set_random_seed`, as the order of the batches always does.
        verbose: As in `fit`; unless it is 0, two lines speak of each layer.

    Returns:
        A list with the trained machines, models as `restricted_boltzmann_machine`
        builds them.

    Raises:
        ValueError: If the model is not such a pair of stacks, an argument is outside
            its range, or `x` has the wrong shape, is not finite or is outside [0, 1]
            where the output is a sigmoid.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> model = aezoo.deep_belief_autoencoder(
        ...     (8, 8, 1), latent_dim=4, hidden_units=(32,)
        ... )
        >>> machines = aezoo.pretrain_boltzmann(model, x, epochs=1, verbose=0)
        >>> [machine.output_shape for machine in machines]
        [(None, 32), (None, 4)]

    Reference:
        Hinton and Salakhutdinov, 2006, and the code published with it.
    """
    pairs = _layer_pairs(model)
    numbers = range(1, len(pairs) + 1) if only is None else only
    if not np.iterable(numbers) or not set(numbers) <= {*range(1, len(pairs) + 1)}:
        raise ValueError(
            f"`only` must be numbers of layers from 1 to {len(pairs)}, or None. "
            f"Received: only={only!r}"
        )
    bounded = _KINDS[pairs[0][1].activation] == "bernoulli"
    v = _checked_examples(x, model.input_shape[1:], bounded)  # (n, pixels)

    machines = []
    chain_seeds = _layer_seeds(seed, len(pairs))
    for number, (down, up) in enumerate(pairs, start=1):
        if number in numbers:
            size, units = down.kernel.shape
            visible, hidden = _KINDS[up.activation], _KINDS[down.activation]
            machine = restricted_boltzmann_machine(
                (size,),
                latent_dim=units,
                visible=visible,
                hidden=hidden,
                steps=steps,
                sample_visible=False,
                kernel_regularizer=keras.regularizers.L2(weight_decay / 2),
                seed=chain_seeds[number - 1],
            )
            rbm = machine.get_layer("rbm")
            # By value: a training that is cut short must not take the model's with it.
            (kernel, hidden_bias), (_, visible_bias) = (
                down.get_weights(),
                up.get_weights(),
            )
            rbm.set_weights([kernel, visible_bias, hidden_bias])
            if verbose != 0:
                print(f"Layer {number} of {len(pairs)}: {size} -> {units}")
            scale = 0.01 if "gaussian" in (visible, hidden) else 1.0
            for start, stop, momentum in ((0, min(5, epochs), 0.5), (5, epochs, 0.9)):
                if start < stop:
                    machine.compile(
                        keras.optimizers.SGD(scale * learning_rate, momentum)
                    )
                    machine.fit(
                        v,
                        batch_size=batch_size,
                        initial_epoch=start,
                        epochs=stop,
                        verbose=verbose,
                    )
            if verbose != 0:
                error = ops.square(v - rbm.visible_mean(rbm.hidden_mean(v)))
                error = float(ops.mean(ops.sum(error, axis=-1)))
                print(f"Squared reconstruction error: {error:.4g} an example")
            kernel, visible_bias, hidden_bias = rbm.get_weights()
            down.set_weights([kernel, hidden_bias])
            up.set_weights([kernel.T, visible_bias])
            machines.append(machine)
        v = ops.convert_to_numpy(down(v))  # (n, units)
    return machines


_KINDS = {keras.activations.sigmoid: "bernoulli", keras.activations.linear: "gaussian"}


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
        and {down.activation, up.activation} <= set(_KINDS)
        and down.kernel.shape == up.kernel.shape[::-1]
        for down, up in pairs
    ):
        raise ValueError(
            "`model` must be an autoencoder whose encoder and decoder are stacks of "
            "sigmoid or linear Dense layers that mirror each other. "
            f"Received: model={model!r}"
        )
    return pairs


def _checked_examples(x, shape, bounded):
    x = np.asarray(x)
    if x.shape[1:] != shape or not x.size:
        raise ValueError(
            f"`x` must be an array of shape {(None, *shape)}. "
            f"Received: x.shape={x.shape}"
        )
    low, high = (0, 1) if bounded else (-np.inf, np.inf)
    if not np.isfinite(x).all() or x.min() < low or x.max() > high:
        raise ValueError(
            "`x` must be finite, and in [0, 1] where the output is a sigmoid. "
            f"Received: x with values from {x.min()} to {x.max()}"
        )
    return x.reshape(len(x), -1)


def _check_sizes(input_shape, latent_dim):
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
