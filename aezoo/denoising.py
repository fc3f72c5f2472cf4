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
from operator import index

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class GaussianCorruption(layers.Layer):
    """Adds Gaussian noise to every value, in training only.

    Args:
        stddev: Standard deviation of the noise, a finite number from 0, in pixel
            units. Fixed once the layer is made.
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

    stddev = property(lambda self: self._stddev)

    def __init__(self, stddev, clip=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= stddev < math.inf:
            raise ValueError(
                f"`stddev` must be finite, from 0. Received: stddev={stddev!r}"
            )
        self._stddev, self.clip, self.seed = stddev, clip, seed

    def build(self, input_shape):
        """Start the noise."""
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs, training=False):
        """Return `inputs`, `(batch, ...)`, with noise if `training`."""
        if not training:
            return inputs
        noisy = inputs + keras.random.normal(
            ops.shape(inputs), 0.0, self.stddev, inputs.dtype, self.seed_generator
        )
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
            value and independent of the others. Fixed once the layer is made.
        seed: Integer from 0 to repeat the noise, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> corrupt = aezoo.MaskingCorruption(0.25, seed=0)
        >>> masked = np.asarray(corrupt(np.ones((100, 784)), training=True))
        >>> round(float(masked.mean()), 2)
        0.75
    """

    fraction = property(lambda self: self._fraction)

    def __init__(self, fraction, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= fraction <= 1:
            raise ValueError(
                f"`fraction` must be in [0, 1]. Received: fraction={fraction!r}"
            )
        self._fraction, self.seed = fraction, seed

    def build(self, input_shape):
        """Start the noise."""
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs, training=False):
        """Return `inputs`, `(batch, ...)`, with values missing if `training`."""
        if not training:
            return inputs
        draw = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        return self.damage(inputs, draw)

    def damage(self, inputs, draw):
        """Return `inputs` damaged where `draw`, uniform in [0, 1), says so."""
        return ops.where(draw < self.fraction, 0.0, inputs)

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        own = {"fraction": self.fraction, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="aezoo")
class SaltAndPepperCorruption(MaskingCorruption):
    """Sets a random fraction of the values to 0 or 1, in training only.

    Args:
        fraction: Probability that a value is replaced, in [0, 1], the same for every
            value and independent of the others; by 0 or 1 with equal odds. Fixed once
            the layer is made.
        seed: Integer from 0 to repeat the noise, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> corrupt = aezoo.SaltAndPepperCorruption(0.2, seed=0)
        >>> spotted = np.asarray(corrupt(np.full((100, 784), 0.5), training=True))
        >>> np.unique(spotted).tolist(), round(float((spotted != 0.5).mean()), 2)
        ([0.0, 0.5, 1.0], 0.2)
    """

    def damage(self, inputs, draw):
        """Return `inputs` damaged where `draw`, uniform in [0, 1), says so."""
        peppered = ops.where(draw < self.fraction / 2, 0.0, inputs)
        return ops.where(draw >= 1 - self.fraction / 2, 1.0, peppered)


def denoising_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 512,
    hidden_units: Sequence[int] = (),
    noise: layers.Layer | None = MaskingCorruption(0.25),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
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
            `(784,)`. With the default sigmoid output, values in [0, 1].
        latent_dim: Numbers in a code, a positive integer; may exceed the input's.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        noise: The corruption: `GaussianCorruption`, `MaskingCorruption`,
            `SaltAndPepperCorruption` or any other Keras layer that keeps the shape and
            acts in training only; None for none. The model makes a copy of it.
        activation: Activation of the hidden layers and the code, anything Keras
            accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for data of any range, such as standardised columns.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of the layer `"corruption"` and of two models that are its layers:
        `"encoder"`, `(batch, *input_shape)` to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: From Keras, if a size is not a positive integer or an
            activation is unknown.

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
    noise = layers.Identity() if noise is None else noise
    # A copy, so that models built with one layer do not share its random state.
    corruption = noise.from_config({**noise.get_config(), "name": "corruption"})
    inputs = keras.Input(input_shape, name="inputs")
    corrupted = corruption(inputs)

    hidden = layers.Flatten("channels_last", name="flatten")(inputs)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        hidden = layers.Dense(index(units), activation, name=f"hidden_{depth}")(hidden)
    codes = layers.Dense(index(latent_dim), activation, name="codes")(hidden)
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

    return keras.Model(inputs, decoder(encoder(corrupted)), name=name)
