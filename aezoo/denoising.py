# SPDX-License-Identifier: Apache-2.0
"""The denoising autoencoder: it sees a damaged example and rebuilds the clean one.

A network that is shown part of the pixels, or pixels with noise, cannot copy them; to
fill in what is missing it has to know what examples look like. The code may therefore
be as large as one likes. The noise is new in every step, and absent after training.

    loss = ||x - reconstruction of a corrupted x||^2   (or a cross-entropy)

Vincent, Larochelle, Bengio and Manzagol, "Extracting and composing robust features with
denoising autoencoders", ICML 2008, doi:10.1145/1390156.1390294. Vincent et al.,
"Stacked denoising autoencoders: learning useful representations in a deep network with
a local denoising criterion", JMLR 11, 2010.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class GaussianCorruption(layers.Layer):
    """Adds Gaussian noise to every value, in training only.

    Args:
        stddev: Standard deviation of the noise, a number from 0, in pixel units.
        clip: Whether to clip the result to [0, 1].
        seed: Integer from 0 to repeat the noise, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> corrupt = aezoo.GaussianCorruption(0.1, seed=0)
        >>> noisy = np.asarray(corrupt(np.zeros((100, 784)), training=True))
        >>> round(float(noisy.std()), 2)
        0.1
    """

    def __init__(self, stddev, clip=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= stddev < math.inf:
            raise ValueError(
                f"`stddev` must be a finite number from 0. Received: stddev={stddev!r}"
            )
        self.stddev = stddev
        self.clip = clip
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Return `inputs`, `(batch, ...)`, with noise if `training`."""
        if not training:
            return inputs
        noise = keras.random.normal(
            ops.shape(inputs), stddev=self.stddev, seed=self.seed_generator
        )
        noisy = inputs + noise
        return ops.clip(noisy, 0.0, 1.0) if self.clip else noisy

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        own = {"stddev": self.stddev, "clip": self.clip, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="aezoo")
class MaskingCorruption(layers.Layer):
    """Sets a random fraction of the values to 0, in training only.

    The others stay as they are; `keras.layers.Dropout` would enlarge them.

    Args:
        fraction: Probability that a value is set to 0, in [0, 1], the same for every
            value and independent of the others.
        seed: Integer from 0 to repeat the noise, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> corrupt = aezoo.MaskingCorruption(0.25, seed=0)
        >>> masked = np.asarray(corrupt(np.ones((100, 784)), training=True))
        >>> round(float(masked.mean()), 2)
        0.75
    """

    def __init__(self, fraction, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.fraction = _checked_fraction(fraction)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Return `inputs`, `(batch, ...)`, with values missing if `training`."""
        if not training:
            return inputs
        draw = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        return ops.where(draw < self.fraction, 0.0, inputs)

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        own = {"fraction": self.fraction, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="aezoo")
class SaltAndPepperCorruption(layers.Layer):
    """Sets a random fraction of the values to 0 or 1, in training only.

    Args:
        fraction: Probability that a value is replaced, in [0, 1], the same for every
            value and independent of the others; by 0 or 1 with equal odds.
        seed: Integer from 0 to repeat the noise, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> corrupt = aezoo.SaltAndPepperCorruption(0.2, seed=0)
        >>> spotted = np.asarray(corrupt(np.full((100, 784), 0.5), training=True))
        >>> np.unique(spotted).tolist(), round(float((spotted != 0.5).mean()), 2)
        ([0.0, 0.5, 1.0], 0.2)
    """

    def __init__(self, fraction, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.fraction = _checked_fraction(fraction)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Return `inputs`, `(batch, ...)`, with black and white if `training`."""
        if not training:
            return inputs
        draw = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        peppered = ops.where(draw < self.fraction / 2, 0.0, inputs)
        return ops.where(draw >= 1 - self.fraction / 2, 1.0, peppered)

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        own = {"fraction": self.fraction, "seed": self.seed}
        return {**super().get_config(), **own}


def denoising_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 512,
    hidden_units: Sequence[int] = (),
    noise: layers.Layer | None = None,
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    seed: int | None = None,
    name: str = "denoising_autoencoder",
) -> keras.Model:
    """Build a dense autoencoder that removes noise which it adds while training.

    Nothing is penalised. `model.fit(x, x)` corrupts `x` on its way to the encoder and
    compares the reconstruction with the clean `x`. The layer `"corruption"` stands
    before the encoder and not in it: the encoder used on its own never sees noise.

    `evaluate(x, x)` has no noise either, so it measures copying. Judge denoising on
    inputs corrupted on purpose, by calling a corruption with `training=True`, and
    compare with the error of the corrupted inputs themselves.

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`; positive integers. With the default sigmoid output, values in
            [0, 1].
        latent_dim: Numbers in a code, a positive integer; may exceed the input's.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        noise: The corruption: `GaussianCorruption`, `MaskingCorruption`,
            `SaltAndPepperCorruption` or any other Keras layer that keeps the shape and
            acts in training only. The model makes a copy of it. None for
            `MaskingCorruption(0.25)`.
        activation: Activation of the hidden layers and the code, anything Keras
            accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        seed: Integer from 0 for repeatable initial weights, and repeatable noise where
            `noise` has no seed of its own; or None to follow
            `keras.utils.set_random_seed`.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of the layer `"corruption"` and of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError: If a size is not a positive integer, `noise` is not a layer, an
            activation is unknown or `seed` is negative.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.random.default_rng(0).random((64, 28, 28, 1)).astype("float32")
        >>> x_train, x_test = x[:32], x[32:]
        >>> model = aezoo.denoising_autoencoder(
        ...     (28, 28, 1), noise=aezoo.MaskingCorruption(0.25)
        ... )
        >>> model.compile("adam", loss=aezoo.squared_error)
        >>> history = model.fit(x_train, x_train, verbose=0)
        >>> corrupt = aezoo.MaskingCorruption(0.25, seed=1)  # the same in every run
        >>> x_corrupt = np.asarray(corrupt(x_test, training=True))
        >>> error_left = model.evaluate(x_corrupt, x_test, verbose=0)
        >>> error_before = aezoo.squared_error(x_test, x_corrupt)  # (32,)

    Reference:
        Vincent et al., 2008: the corruption and the clean target. They mask an exact
        number of pixels in each image; here each pixel has the same chance.
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
    if noise is None:
        noise = MaskingCorruption(0.25)
    if not isinstance(noise, layers.Layer):
        raise ValueError(
            "`noise` must be a Keras layer, such as MaskingCorruption(0.25). "
            f"Received: noise={noise!r}"
        )
    hidden_units = tuple(hidden_units)
    noise_seed, *seeds = _layer_seeds(seed, 2 * len(hidden_units) + 3)
    seeds = iter(seeds)

    def dense(units, activation, name):
        initializer = keras.initializers.GlorotUniform(next(seeds))
        return layers.Dense(
            units, activation, kernel_initializer=initializer, name=name
        )

    # A copy, so that models built with the same layer do not share its random state.
    config = {**noise.get_config(), "name": "corruption"}
    if "seed" in config and config["seed"] is None:
        config["seed"] = noise_seed
    corruption = type(noise).from_config(config)

    inputs = keras.Input(input_shape, name="inputs")
    features = layers.Flatten(name="pixels")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    codes = dense(latent_dim, activation, "codes")(features)  # (batch, latent_dim)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = keras.Input((latent_dim,), name="codes")
    features = latent_inputs
    for depth, units in enumerate(reversed(hidden_units), start=1):
        features = dense(units, activation, f"hidden_{depth}")(features)
    pixels = dense(math.prod(input_shape), output_activation, "pixels")(features)
    reconstruction = layers.Reshape(input_shape, name="reconstruction")(pixels)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(corruption(inputs))), name=name)


def _is_size(value):
    return isinstance(value, int) and value > 0


def _is_shape(value):
    return np.iterable(value) and len(value) > 0 and all(map(_is_size, value))


def _checked_fraction(fraction):
    if not 0 <= fraction <= 1:
        raise ValueError(
            f"`fraction` must be a number in [0, 1]. Received: fraction={fraction!r}"
        )
    return fraction


def _layer_seeds(seed, count):
    # A seed for each layer: with one for all, layers of equal shape would start equal.
    if seed is None:
        return [None] * count
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(
            f"`seed` must be an integer from 0, or None. Received: seed={seed!r}"
        )
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(count)]
