# SPDX-License-Identifier: Apache-2.0
"""Reconstruction losses on one scale: summed over pixels, one value per image.

Keras' own losses average over pixels. A penalty or a KL term that sums over units
then outweighs the reconstruction hundreds of times, and a variational autoencoder
collapses to the mean image. Summed over pixels, both terms are in nats (or squared
pixel values) per image, and they can be added as the papers add them.

Each function takes `(batch, ...)` arrays of equal shape and returns `(batch,)`. Pass
it to `compile` as a loss, a metric, or both:

    model.compile("adam", loss=squared_error, metrics=[squared_error])

Weights for `fit` are one for each image, `(batch,)`: Keras multiplies these values with
them and does not refuse another shape. To leave single pixels out, set them to NaN in
the target and use the loss `..._with_gaps`: a gap costs nothing, and no gradient comes
from it. The input of the model needs a number there, such as 0:

    model.compile("adam", loss=squared_error_with_gaps)
    model.fit(np.nan_to_num(x), x)
"""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="aezoo")
def squared_error(y_true, y_pred):
    """Squared error of each image, summed over its pixels.

    `sum_i (y_true_i - y_pred_i)^2`. On MNIST with pixels in [0, 1], PCA with 30
    components scores 13.866 on the test images: the calibration of every squared
    error in this project.

    Args:
        y_true: Targets, `(batch, ...)`, any real values.
        y_pred: Reconstructions, the same shape as `y_true`.

    Returns:
        `(batch,)`, in squared pixel units per image.

    Raises:
        ValueError: If the shapes differ, or there is no axis beside the batch.

    Example:
        >>> import aezoo, numpy as np
        >>> black, grey = np.zeros((3, 28, 28, 1)), np.full((3, 28, 28, 1), 0.5)
        >>> aezoo.squared_error(black, grey).numpy().tolist()
        [196.0, 196.0, 196.0]
    """
    y_true, y_pred = _matching(y_true, y_pred)
    return _sum_over_pixels(_squares(y_true, y_pred))


@keras.saving.register_keras_serializable(package="aezoo")
def bernoulli_nll(y_true, y_pred):
    """Negative log-likelihood of binary pixels, summed over each image.

    `-sum_i [y_true_i log y_pred_i + (1 - y_true_i) log(1 - y_pred_i)]`. For targets
    that are exactly 0 or 1 this is a likelihood. Grey targets are accepted, and then
    it is a cross-entropy: still a good training loss, but not the likelihood of
    anything, and not zero for a perfect reconstruction.

    Probabilities are kept 1e-7 away from 0 and 1, so that one pixel that is wrong
    with certainty costs 16.1 nats and not infinitely many.

    Args:
        y_true: Targets, `(batch, ...)`, in [0, 1].
        y_pred: Probabilities in [0, 1], the same shape as `y_true`; the output of a
            sigmoid, not its logits.

    Returns:
        `(batch,)`, in nats per image.

    Raises:
        ValueError: If the shapes differ, there is no axis beside the batch, or a value
            outside [0, 1] is seen. Inside a compiled step no values can be seen; a
            negative loss tells of them there.

    Example:
        >>> import aezoo, numpy as np
        >>> digits, guess = np.ones((2, 28, 28, 1)), np.full((2, 28, 28, 1), 0.5)
        >>> aezoo.bernoulli_nll(digits, guess).numpy().round(3).tolist()  # 784 ln 2
        [543.427, 543.427]

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114,
        appendix C.1.
    """
    y_true, y_pred = _matching(y_true, y_pred)
    return _sum_over_pixels(_coin_nlls(y_true, y_pred))


@keras.saving.register_keras_serializable(package="aezoo")
def gaussian_nll(y_true, y_pred, sigma=1.0):
    """Negative log-likelihood of real-valued pixels, summed over each image.

    `sum_i [(y_true_i - y_pred_i)^2 / (2 sigma^2) + log sigma + log(2 pi) / 2]`: the
    reconstruction is the mean of a Gaussian with the same standard deviation `sigma`
    for every pixel. It is a density, so it may be negative.

    To compile a model with another `sigma`, name the choice in a function:

        @keras.saving.register_keras_serializable()
        def face_nll(y_true, y_pred):
            return aezoo.gaussian_nll(y_true, y_pred, sigma=0.1)

    Args:
        y_true: Targets, `(batch, ...)`, any real values.
        y_pred: Means, the same shape as `y_true`.
        sigma: Standard deviation of a pixel around its mean, positive, in pixel
            units.

    Returns:
        `(batch,)`, in nats per image.

    Raises:
        ValueError: If the shapes differ, if there is no axis beside the batch, or if
            `sigma` is not a positive number.

    Example:
        >>> import aezoo, numpy as np
        >>> x, mean = np.zeros((1, 2)), np.array([[0.0, 0.1]])
        >>> aezoo.gaussian_nll(x, mean, sigma=0.1).numpy().round(3).tolist()
        [-2.267]

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114,
        appendix C.2.
    """
    y_true, y_pred = _matching(y_true, y_pred)
    return _sum_over_pixels(_gaussian_nlls(y_true, y_pred, sigma))


@keras.saving.register_keras_serializable(package="aezoo")
def squared_error_with_gaps(y_true, y_pred):
    """Squared error of each image, summed over the pixels that are known.

    `squared_error` without the pixels whose target is NaN.

    Args:
        y_true: Targets, `(batch, ...)`, any real values, NaN where nobody knows one.
        y_pred: Reconstructions, the same shape as `y_true`.

    Returns:
        `(batch,)`, in squared pixel units per image; 0 for an image of gaps only.

    Raises:
        ValueError: If the shapes differ, or there is no axis beside the batch.

    Example:
        >>> import aezoo, numpy as np
        >>> half_known, grey = np.array([[0.0, np.nan]]), np.full((1, 2), 0.5)
        >>> aezoo.squared_error_with_gaps(half_known, grey).numpy().tolist()
        [0.25]
    """
    y_true, y_pred = _matching(y_true, y_pred)
    known, y_true = _known(y_true)
    return _sum_over_pixels(known * _squares(y_true, y_pred))


@keras.saving.register_keras_serializable(package="aezoo")
def bernoulli_nll_with_gaps(y_true, y_pred):
    """Negative log-likelihood of the binary pixels that are known.

    `bernoulli_nll` without the pixels whose target is NaN.

    Args:
        y_true: Targets, `(batch, ...)`, in [0, 1], NaN where nobody knows one.
        y_pred: Probabilities in [0, 1], the same shape as `y_true`.

    Returns:
        `(batch,)`, in nats per image; 0 for an image of gaps only.

    Raises:
        ValueError: As `bernoulli_nll`.

    Example:
        >>> import aezoo, numpy as np
        >>> half_known, guess = np.array([[1.0, np.nan]]), np.full((1, 2), 0.5)
        >>> aezoo.bernoulli_nll_with_gaps(half_known, guess).numpy().round(3).tolist()
        [0.693]
    """
    y_true, y_pred = _matching(y_true, y_pred)
    known, y_true = _known(y_true)
    return _sum_over_pixels(known * _coin_nlls(y_true, y_pred))


@keras.saving.register_keras_serializable(package="aezoo")
def gaussian_nll_with_gaps(y_true, y_pred, sigma=1.0):
    """Negative log-likelihood of the real-valued pixels that are known.

    `gaussian_nll` without the pixels whose target is NaN.

    Args:
        y_true: Targets, `(batch, ...)`, any real values, NaN where nobody knows one.
        y_pred: Means, the same shape as `y_true`.
        sigma: Standard deviation of a pixel around its mean, positive, in pixel
            units.

    Returns:
        `(batch,)`, in nats per image; 0 for an image of gaps only.

    Raises:
        ValueError: As `gaussian_nll`.

    Example:
        >>> import aezoo, numpy as np
        >>> half_known, mean = np.array([[0.0, np.nan]]), np.zeros((1, 2))
        >>> aezoo.gaussian_nll_with_gaps(half_known, mean).numpy().round(3).tolist()
        [0.919]
    """
    y_true, y_pred = _matching(y_true, y_pred)
    known, y_true = _known(y_true)
    return _sum_over_pixels(known * _gaussian_nlls(y_true, y_pred, sigma))


def _squares(y_true, y_pred):
    return ops.square(y_true - y_pred)


def _coin_nlls(y_true, y_pred):
    _check_unit_interval(y_true=y_true, y_pred=y_pred)
    p = ops.clip(y_pred, 1e-7, 1.0 - 1e-7)
    return -(y_true * ops.log(p) + (1.0 - y_true) * ops.log1p(-p))


def _gaussian_nlls(y_true, y_pred, sigma):
    if not 0 < sigma < math.inf:
        raise ValueError(
            f"`sigma` must be positive and finite. Received: sigma={sigma}"
        )
    squares = 0.5 * ops.square((y_true - y_pred) / sigma)
    return squares + (math.log(sigma) + 0.5 * math.log(2.0 * math.pi))


def _known(y_true):
    """Return 1 where a target is known and 0 in a gap, and targets without gaps."""
    gaps = ops.isnan(y_true)
    # Filled before anything is computed: 0 times the gradient of a NaN would be NaN.
    return 1.0 - ops.cast(gaps, y_true.dtype), ops.where(gaps, 0.0, y_true)


def _check_unit_interval(**arrays):
    """Refuse values outside [0, 1] where they can be seen: not in a compiled step."""
    for name, values in arrays.items():
        try:
            values = ops.convert_to_numpy(values)
        except Exception:  # each backend has its own for a tensor without values
            continue
        # Rounding, of a resized picture say, may end a little outside.
        if values.size and not (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):
            raise ValueError(
                f"`{name}` must be in [0, 1]: divide pixels by 255, end the decoder "
                f"with a sigmoid. Received: {name} from {values.min()} to "
                f"{values.max()}"
            )


def _matching(y_true, y_pred):
    """Return both as float tensors, refusing shapes that would broadcast."""
    y_pred = ops.convert_to_tensor(y_pred)
    if not keras.backend.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, keras.config.floatx())
    y_true = ops.cast(y_true, y_pred.dtype)
    sizes = list(zip(y_true.shape, y_pred.shape, strict=False))
    if (
        len(y_true.shape) != len(y_pred.shape)
        or len(sizes) < 2
        or any(a != b for a, b in sizes if a is not None and b is not None)
    ):
        raise ValueError(
            "`y_true` and `y_pred` must have the same shape, (batch, ...), with at "
            "least one axis beside the batch. "
            f"Received: y_true.shape={tuple(y_true.shape)}, "
            f"y_pred.shape={tuple(y_pred.shape)}"
        )
    return y_true, y_pred


def _sum_over_pixels(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
