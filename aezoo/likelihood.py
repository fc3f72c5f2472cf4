# SPDX-License-Identifier: Apache-2.0
"""The log-likelihood of a variational autoencoder, by importance sampling.

The evidence lower bound says only that an image is at least so likely. Draws from the
encoder's Gaussian, each weighted by how much likelier the model makes it than the
encoder does, estimate the likelihood itself:

    log p(x) ~ log (1/k) sum_i p(x | z_i) p(z_i) / q(z_i | x),    z_i ~ q(z | x)

Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2015,
arXiv:1509.00519, equation 8.
"""

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops


def log_likelihood(
    model: keras.Model,
    x: np.ndarray,
    *,
    num_samples: int = 1000,
    nll: Callable | None = None,
    batch_size: int = 1000,
    seed: int | None = None,
) -> np.ndarray:
    """Estimate log p(x) of each image by importance sampling.

    `log (1/k) sum_i p(x | z_i) p(z_i) / q(z_i | x)` with k = `num_samples` draws z_i
    from the encoder's Gaussian q. With one draw its mean is the ELBO; its mean rises
    towards log p(x) with every further draw and never passes it, so that the estimate
    errs on the low side. The `beta` of the training does not enter.

    Args:
        model: A variational autoencoder, trained.
        x: Images, `(n, *input_shape)`, at least one.
        num_samples: Draws per image, a positive integer. The published figures for
            MNIST use 5000.
        nll: `-log p(x | z)` as a function of `(y_true, y_pred)` that gives one value
            per image, such as `aezoo.gaussian_nll`. None for binary pixels, `x` of
            exactly 0 and 1; for grey pixels a cross-entropy is no likelihood.
        batch_size: Reconstructions held at a time, a positive integer. Bounds the
            memory, whatever `n` and `num_samples`; changes the result by no more
            than rounding.
        seed: Integer from 0 for repeatable draws, or None to follow
            `keras.utils.set_random_seed`.

    Returns:
        NumPy array `(n,)`, in nats per image; its mean is what papers report.

    Raises:
        ValueError: If `model` is not variational, `x` has another shape or values
            that are not finite (not 0 or 1 where `nll` is None), `nll` does not give
            one value per image, or a number is out of range.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.variational_autoencoder((8, 8, 1), latent_dim=2)
        >>> x = np.random.default_rng(0).integers(0, 2, (5, 8, 8, 1))
        >>> aezoo.log_likelihood(model, x, num_samples=100).shape
        (5,)

    Reference:
        Burda, Grosse and Salakhutdinov, 2015: equation 8, theorem 1 and section 5.
    """
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    if len(encoder.outputs) != 2:
        raise ValueError(
            "`model` must have an encoder that gives z_mean and z_log_var. "
            f"Received: model={model.name!r}"
        )
    for argument, value in (("num_samples", num_samples), ("batch_size", batch_size)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(
                f"`{argument}` must be a positive integer. "
                f"Received: {argument}={value!r}"
            )
    given, x = x, np.asarray(x)
    if x.dtype.kind not in "biuf" or x.shape[1:] != model.input_shape[1:] or not x.size:
        raise ValueError(
            "`x` must be a dense array of numbers, at least one example of shape "
            f"{model.input_shape[1:]}. Received: x of type {type(given).__name__}, "
            f"x.shape={x.shape}"
        )
    x = x.astype("float32")
    if nll is None and not ((x == 0) | (x == 1)).all():
        raise ValueError(
            "`x` must be exactly 0 or 1 everywhere, unless `nll` is the likelihood of "
            f"other values. Received: x from {x.min()} to {x.max()}"
        )
    if not np.isfinite(x).all():
        raise ValueError(f"`x` must be finite. Received: x from {x.min()} to {x.max()}")
    if seed is None:
        seed = np.random.randint(2**31)  # follows keras.utils.set_random_seed
    rng = np.random.default_rng(seed)

    codes = encoder.predict(x, batch_size=batch_size, verbose=0)
    z_mean, z_log_var = (each.astype("float32") for each in codes)
    z_log_var = np.minimum(z_log_var, 10.0)  # as GaussianSampling draws
    draws = min(num_samples, batch_size)  # of each image at a time
    images = batch_size // draws  # more than one only where all draws fit
    result = np.full(len(x), -np.inf)  # log of the summed weights so far
    for first in range(0, len(x), images):
        part = slice(first, first + images)
        for done in range(0, num_samples, draws):
            count = min(draws, num_samples - done)
            mean, log_var = z_mean[part, np.newaxis], z_log_var[part, np.newaxis]
            noise = rng.standard_normal(
                (len(mean), count, mean.shape[-1]), dtype="float32"
            )  # (images, draws, latent_dim)
            z = mean + np.exp(0.5 * log_var) * noise
            # log p(z) - log q(z | x); both hold the same (2 pi)^(latent_dim / 2).
            log_ratio = 0.5 * np.sum(noise**2 + log_var - z**2, axis=-1)
            y_true = np.repeat(x[part], count, axis=0)
            y_pred = decoder.predict_on_batch(z.reshape(-1, z.shape[-1]))
            log_p = -ops.convert_to_numpy((nll or _bernoulli_nll)(y_true, y_pred))
            if log_p.shape != y_true.shape[:1]:
                raise ValueError(
                    "`nll` must give one value per image. "
                    f"Received: nll={nll!r}, which gave the shape {log_p.shape}"
                )
            log_weights = log_ratio + log_p.reshape(log_ratio.shape)
            summed = np.logaddexp.reduce(log_weights.astype("float64"), axis=-1)
            result[part] = np.logaddexp(result[part], summed)
    return result - math.log(num_samples)


def _bernoulli_nll(y_true, y_pred):
    # One logarithm a pixel, for pixels of exactly 0 and 1.
    probability = np.where(y_true == 1, y_pred, 1.0 - y_pred).clip(1e-7, 1.0)
    return -np.log(probability).reshape(len(y_true), -1).sum(axis=-1)
