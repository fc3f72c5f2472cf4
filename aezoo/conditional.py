# SPDX-License-Identifier: Apache-2.0
"""The conditional variational autoencoder: draws what it is asked for.

A condition c, such as a label or the part of an image that is known, goes into every
net. What c leaves open is the code's to say: the recognition net sees image and
condition, the prior net guesses the code from the condition alone, and a divergence
holds the first to the second. New images for a condition come from the prior's codes.

    z = z_mean + exp(z_log_var / 2) * noise,    noise ~ N(0, I)
    KL   = sum_j [ratio_j + (z_mean_j - prior_mean_j)^2 / exp(prior_log_var_j)
                  - 1 - log ratio_j] / 2,    ratio = exp(z_log_var - prior_log_var)
    loss = -log p(x | z, c) + beta * KL

With beta = 1 and a negative log-likelihood, the expected loss is the negative of a
lower bound of log p(x | c), in nats per image.

Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional
Generative Models", NIPS 2015, https://papers.nips.cc/paper/5775, equations 4 and 5;
Kingma and Welling, 2013, arXiv:1312.6114, for the bound.
"""

import math
from collections.abc import Callable, Sequence
from operator import index

import keras
from keras import layers, ops


def _exp(x):
    # Past e^10 it grows along its tangent, so that no input overflows it.
    bounded = ops.minimum(x, 10.0)
    return ops.exp(bounded) * (1.0 + (x - bounded))


@keras.saving.register_keras_serializable(package="aezoo")
class ConditionalSampling(layers.Layer):
    """Draws z from the recognition net's Gaussian and adds `beta * KL` to the loss.

    The KL is that of the recognition net's Gaussian from the prior net's, summed over
    the numbers of the code and averaged over the batch. It draws in training and
    afterwards alike, so that `evaluate` is a bound too.

    Args:
        beta: What a nat of KL costs, a finite number from 0. It may be set between two
            epochs, by a callback too, on every backend: a `.keras` file keeps it, and
            weights that are loaded or set leave it alone.
        seed: Integer from 0 to repeat the draws, or None to follow
            `keras.utils.set_random_seed`.

    Example:
        >>> import aezoo, numpy as np
        >>> layer = aezoo.ConditionalSampling()
        >>> one, zero = np.ones((3, 2)), np.zeros((3, 2))
        >>> z = layer(one, zero, zero, zero)  # KL: 1/2 for each number
        >>> float(layer.losses[0])
        1.0
    """

    # `beta` is a setting: neither `set_weights` nor `load_weights` changes it.
    weights = property(lambda self: [])
    save_own_variables = load_own_variables = lambda self, store: None
    beta = property(lambda self: self._beta)

    def __init__(self, beta=1.0, seed=None, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)  # float32 in mixed precision too
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        # A variable, because a step that is compiled already has to notice a change.
        self._price = keras.Variable(0.0, trainable=False, name="beta")
        self.beta = beta

    @beta.setter
    def beta(self, beta):
        """Charge `beta` for each nat from here on."""
        # Keras on JAX keeps variables elsewhere during an epoch: it would be lost.
        if not 0 <= beta < math.inf or self._price._value is None:
            raise ValueError(f"`beta` must be >= 0, between epochs. Received: {beta=}")
        self._beta = beta
        self._price.assign(beta)

    def call(self, z_mean, z_log_var, prior_mean, prior_log_var):
        """Return one draw for each example, `(batch, latent_dim)`."""
        log_ratio = z_log_var - prior_log_var
        distance = ops.square(z_mean - prior_mean) * _exp(-prior_log_var)
        kl = 0.5 * ops.sum(_exp(log_ratio) + distance - 1.0 - log_ratio, axis=-1)
        self.add_loss(self._price * ops.mean(kl))
        noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * ops.minimum(z_log_var, 10.0)) * noise

    def get_config(self):
        """Return the constructor's arguments, for saving."""
        return {**super().get_config(), "beta": self.beta, "seed": self.seed}


def conditional_variational_autoencoder(
    input_shape: Sequence[int],
    condition_shape: Sequence[int] = (10,),
    *,
    latent_dim: int = 20,
    hidden_units: Sequence[int] = (500,),
    activation: str | Callable = "relu",
    output_activation: str | Callable | None = "sigmoid",
    beta: float = 1.0,
    name: str = "conditional_variational_autoencoder",
) -> keras.Model:
    """Build a variational autoencoder that is told something about each image.

    `beta` times the KL divergence of the recognition net's Gaussian from the prior
    net's is added to the loss. Train it with a loss that is summed over pixels,
    `aezoo.bernoulli_nll` or `aezoo.gaussian_nll`, on pairs:

        labels = keras.utils.to_categorical(y, 10)
        model.fit([x, labels], x)

    The model reconstructs from a random draw, at inference too, so that the loss of
    `evaluate` is a bound. For new images decode draws from the prior, with the
    condition that they are to have; the same noise for each of several conditions
    gives the same hand in each:

        prior_mean, prior_log_var = model.get_layer("prior").predict(labels)
        noise = np.random.randn(*prior_mean.shape)
        z = prior_mean + np.exp(prior_log_var / 2) * noise
        images = model.get_layer("decoder").predict([z, labels])

    Args:
        input_shape: Shape of one example without the batch, such as `(28, 28, 1)` or
            `(784,)`. With the default sigmoid output, values in [0, 1].
        condition_shape: Shape of one condition without the batch: `(10,)` for one-hot
            labels, the shape of a part for a part of the image, values in [0, 1] or so.
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the layers before the code, of the recognition net and
            of the prior net alike; the decoder mirrors them. Positive integers; may be
            empty.
        activation: Activation of the hidden layers, anything Keras accepts.
        output_activation: Activation of the reconstruction: `"sigmoid"` for pixels in
            [0, 1], None for the mean of data of any range.
        beta: What a nat of KL costs, a finite number from 0: 1 for the bound.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `[(batch, *input_shape), (batch,
        *condition_shape)]` to `(batch, *input_shape)`. Three of its layers are models,
        a fourth, `"z"`, is a `ConditionalSampling`:
        `"encoder"`, `[images, conditions]` to `[z_mean, z_log_var]`, each
        `(batch, latent_dim)`,
        `"prior"`, conditions to `[prior_mean, prior_log_var]` of that shape, and
        `"decoder"`, `[codes, conditions]` to reconstructions `(batch, *input_shape)`.

    Raises:
        ValueError, TypeError: If `beta` is out of its range; from Keras, if a size is
            not a positive integer or an activation is unknown.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.conditional_variational_autoencoder((28, 28, 1), (10,))
        >>> model.compile("adam", loss=aezoo.bernoulli_nll)
        >>> x = np.random.default_rng(0).integers(0, 2, (64, 28, 28, 1))
        >>> labels = np.eye(10)[np.arange(64) % 10]
        >>> history = model.fit([x, labels], x, verbose=0)
        >>> codes, labels = np.zeros((10, 20)), np.eye(10)
        >>> model.get_layer("decoder").predict([codes, labels], verbose=0).shape
        (10, 28, 28, 1)

    Reference:
        Sohn, Lee and Yan, 2015: section 4.1, figure 2 (b).
    """
    inputs = keras.Input(input_shape, name="inputs")
    condition = keras.Input(condition_shape, name="condition")
    flat = layers.Flatten("channels_last", name="flatten")(inputs)
    known = layers.Flatten("channels_last", name="flatten_condition")(condition)
    hidden = layers.Concatenate(name="image_and_condition")([flat, known])
    for depth, units in enumerate(hidden_units, start=1):
        dense = layers.Dense(index(units), activation, name=f"z_hidden_{depth}")
        hidden = dense(hidden)
    z_mean = layers.Dense(index(latent_dim), name="z_mean")(hidden)
    z_log_var = layers.Dense(index(latent_dim), name="z_log_var")(hidden)
    encoder = keras.Model([inputs, condition], [z_mean, z_log_var], name="encoder")

    given = keras.Input(condition_shape, name="prior_inputs")
    hidden = layers.Flatten("channels_last", name="prior_flatten")(given)
    for depth, units in enumerate(hidden_units, start=1):
        dense = layers.Dense(index(units), activation, name=f"prior_hidden_{depth}")
        hidden = dense(hidden)
    prior_mean = layers.Dense(index(latent_dim), name="prior_mean")(hidden)
    prior_log_var = layers.Dense(index(latent_dim), name="prior_log_var")(hidden)
    prior = keras.Model(given, [prior_mean, prior_log_var], name="prior")

    latent_inputs = keras.Input((latent_dim,), name="latent_inputs")
    given = keras.Input(condition_shape, name="given")
    known = layers.Flatten("channels_last", name="flatten_given")(given)
    hidden = layers.Concatenate(name="code_and_condition")([latent_inputs, known])
    for depth, units in reversed([*enumerate(hidden_units, start=1)]):
        hidden = layers.Dense(index(units), activation, name=f"mirror_{depth}")(hidden)
    pixels = layers.Dense(
        index(math.prod(input_shape)), output_activation, dtype="float32", name="pixels"
    )(hidden)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(pixels)
    decoder = keras.Model([latent_inputs, given], reconstruction, name="decoder")

    z = ConditionalSampling(beta, name="z")(
        *encoder([inputs, condition]), *prior(condition)
    )
    return keras.Model([inputs, condition], decoder([z, condition]), name=name)
