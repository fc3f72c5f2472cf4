# SPDX-License-Identifier: Apache-2.0
"""The log-likelihood of a variational autoencoder, by importance sampling.

The evidence lower bound says only that an image is at least so likely. Draws from the
encoder's Gaussian, each weighted by how much likelier the model makes it than the
encoder does, estimate the likelihood itself:

    log p(x) ~ log (1/k) sum_i p(x | z_i) p(z_i) / q(z_i | x),    z_i ~ q(z | x)

Given a condition c, every term is: p(x | z_i, c) p(z_i | c) / q(z_i | x, c).

Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2015,
arXiv:1509.00519, equation 8.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops


def log_likelihood(
    model: keras.Model,
    x: np.ndarray | Sequence[np.ndarray],
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
        model: A variational autoencoder, trained, or a conditional one.
        x: Images, `(n, *input_shape)`, at least one; `[images, conditions]` for a
            conditional model, for which the result is log p(image | condition).
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
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    parts = [np.asarray(part) for part in (x if len(shapes) == 2 else [x])]
    if (
        [part.shape[1:] for part in parts] != shapes
        or any(part.dtype.kind not in "biuf" or not part.size for part in parts)
        or len({len(part) for part in parts}) > 1
    ):
        wanted = (
            str(shapes[0]) if len(shapes) == 1 else f"{shapes}, [images, conditions]"
        )
        raise ValueError(
            "`x` must be a dense array of numbers, at least one example of shape "
            f"{wanted}. Received: x of type {type(x).__name__}, "
            f"x.shape={', '.join(str(part.shape) for part in parts[:2])}"
        )
    x, *condition = (part.astype("float32") for part in parts)
    if nll is None and not ((x == 0) | (x == 1)).all():
        raise ValueError(
            "`x` must be exactly 0 or 1 everywhere, unless `nll` is the likelihood of "
            f"other values. Received: x from {x.min()} to {x.max()}"
        )
    for part in (x, *condition):
        if not np.isfinite(part).all():
            raise ValueError(
                f"`x` must be finite. Received: x from {part.min()} to {part.max()}"
            )
    if seed is None:
        seed = np.random.randint(2**31)  # follows keras.utils.set_random_seed
    rng = np.random.default_rng(seed)

    seen = [x, *condition] if condition else x
    codes = encoder.predict(seen, batch_size=batch_size, verbose=0)
    z_mean, z_log_var = (each.astype("float32") for each in codes)
    prior_mean = prior_log_var = np.zeros_like(z_mean)
    if condition:
        prior = model.get_layer("prior").predict(*condition, batch_size, verbose=0)
        prior_mean, prior_log_var = (each.astype("float32") for each in prior)
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
            spread = prior_log_var[part, np.newaxis]
            distance = (z - prior_mean[part, np.newaxis]) ** 2 * np.exp(-spread)
            log_ratio = 0.5 * np.sum(noise**2 + log_var - distance - spread, axis=-1)
            y_true, *given = (
                np.repeat(a[part], count, axis=0) for a in (x, *condition)
            )
            z = z.reshape(-1, z.shape[-1])
            y_pred = decoder.predict_on_batch([z, *given] if given else z)
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
