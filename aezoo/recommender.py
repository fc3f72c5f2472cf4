# SPDX-License-Identifier: Apache-2.0
"""The recommender: an autoencoder of a table that is mostly gaps.

A row holds what one user thought of each film (or what each user thought of one film),
and most of it is unknown. Gaps enter as 0 and cost nothing on the way out, so that the
network is judged by known ratings alone; but it has an answer for every film, and in
the gaps those answers are its predictions.

    reconstruction = W g(V x + mu) + b,    gaps in x set to 0
    loss = sum over known i of (x_i - reconstruction_i)^2 + decay (||W||^2 + ||V||^2)

Sedhain, Menon, Sanner and Xie, "AutoRec: Autoencoders Meet Collaborative Filtering",
WWW 2015, doi:10.1145/2740908.2742726, equations 1 and 2.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import index

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="aezoo")
class GapsToZero(layers.Layer):
    """Sets NaN, a rating that nobody gave, to 0, which moves no weight of a kernel.

    Example:
        >>> import aezoo, numpy as np
        >>> np.asarray(aezoo.GapsToZero()(np.array([[4.5, np.nan]]))).tolist()
        [[4.5, 0.0]]
    """

    def call(self, x):
        """Return `x`, of any shape, without its gaps."""
        return ops.where(ops.isnan(x), ops.zeros_like(x), x)


def recommender_autoencoder(
    input_shape: Sequence[int],
    *,
    latent_dim: int = 200,
    hidden_units: Sequence[int] = (),
    activation: str | Callable = "sigmoid",
    output_activation: str | Callable | None = None,
    kernel_regularizer=keras.regularizers.L2(0.005),
    name: str = "recommender_autoencoder",
) -> keras.Model:
    """Build a dense autoencoder for rows with gaps, NaN where nothing is known.

    Train it with a loss that leaves gaps out, on the table as it is:

        model.compile("adam", loss=aezoo.squared_error_with_gaps)
        model.fit(x, x)
        stars = model.predict(x)  # a prediction for every film

    Any other loss is NaN. A row may be a user or, with `x.T`, a film; a row never seen
    in training, a new user say, gets predictions too. A gap looks like a 0, so ratings
    do better when 0 means "as expected": train on `x - rating_baseline(x)`, and add the
    baseline to what the model predicts.

    Args:
        input_shape: Shape of one row without the batch, such as `(num_films,)`.
        latent_dim: Numbers in a code, a positive integer.
        hidden_units: Sizes of the encoder's layers before the code, from the input
            inwards; the decoder mirrors them. Positive integers; may be empty.
        activation: Activation of the hidden layers and of the code, anything Keras
            accepts.
        output_activation: Activation of the reconstruction; None for numbers of any
            range, such as stars.
        kernel_regularizer: Weight decay for the kernels of all layers, anything Keras
            accepts; None for none. Without it the model learns the few ratings by
            heart. On the scale of a squared error that is summed over a row and
            averaged over the batch.
        name: Name of the model.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to the same shape,
        made of two models that are its layers:
        `"encoder"`, rows with gaps to codes `(batch, latent_dim)`, and
        `"decoder"`, codes to predictions `(batch, *input_shape)` without gaps.

    Raises:
        ValueError, TypeError: From Keras, if a size is not a positive integer or an
            activation is unknown.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.array([[5.0, np.nan, 1.0], [4.5, 3.0, np.nan]])
        >>> model = aezoo.recommender_autoencoder((3,), latent_dim=2)
        >>> model.compile("adam", loss=aezoo.squared_error_with_gaps)
        >>> history = model.fit(x, x, verbose=0)
        >>> model.predict(x, verbose=0).shape
        (2, 3)

    Reference:
        Sedhain and others, 2015: I-AutoRec has a row for each film, U-AutoRec one for
        each user; 500 sigmoids and a linear output.
    """
    dense = partial(layers.Dense, kernel_regularizer=kernel_regularizer)

    inputs = keras.Input(input_shape, name="inputs")
    known = GapsToZero(name="gaps_to_zero")(inputs)
    hidden = layers.Flatten("channels_last", name="flatten")(known)  # (batch, n)
    for depth, units in enumerate(hidden_units, start=1):
        hidden = dense(index(units), activation, name=f"hidden_{depth}")(hidden)
    codes = dense(index(latent_dim), activation, name="codes")(hidden)
    encoder = keras.Model(inputs, codes, name="encoder")

    latent_inputs = hidden = keras.Input((latent_dim,), name="latent_inputs")
    for depth, units in reversed([*enumerate(hidden_units, start=1)]):
        hidden = dense(index(units), activation, name=f"mirror_{depth}")(hidden)
    ratings = dense(
        index(math.prod(input_shape)),
        output_activation,
        dtype="float32",
        name="ratings",
    )(hidden)  # (batch, n)
    reconstruction = layers.Reshape(
        input_shape, dtype="float32", name="reconstruction"
    )(ratings)
    decoder = keras.Model(latent_inputs, reconstruction, name="decoder")

    return keras.Model(inputs, decoder(encoder(inputs)), name=name)


def rating_baseline(x: np.ndarray, *, damping: float = 5.0) -> np.ndarray:
    """Return the rating to expect of a kind row and a popular column.

    The mean of all ratings, plus a number for each row, plus one for each column:
    those that minimise the squared error over the known ratings plus `damping` times
    the squares of both. A row or column with few ratings stays near the mean.

    Args:
        x: Table of ratings, `(rows, columns)`, NaN where there is none.
        damping: How many ratings it takes to halve the pull to the mean, a finite
            number above 0.

    Returns:
        float32 array of the shape of `x`, without gaps. That of `x.T` is its transpose.

    Raises:
        ValueError: If `x` is not a table of numbers with at least one rating, or
            `damping` is out of its range.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.array([[5.0, np.nan], [3.0, 1.0]])
        >>> aezoo.rating_baseline(x, damping=1e-6).round(2).tolist()
        [[5.0, 3.0], [3.0, 1.0]]

    Reference:
        Koren, "Factor in the Neighbors", ACM TKDD 4(1), 2010,
        doi:10.1145/1644873.1644874, section 2.1: baseline estimates.
    """
    x = np.asarray(x)
    if x.ndim != 2 or x.dtype.kind not in "biuf" or not np.isfinite(x).any():
        raise ValueError(
            "`x` must be a table of numbers, at least one of them known. "
            f"Received: x.shape={x.shape}, x.dtype={x.dtype}"
        )
    if np.isinf(x).any():
        raise ValueError(
            f"`x` must be finite, or NaN. Received: {np.isinf(x).sum()} infinite values"
        )
    if not 0 < damping < math.inf:
        raise ValueError(
            f"`damping` must be finite, above 0. Received: damping={damping!r}"
        )
    known, mean = np.isfinite(x).astype("float64"), np.nanmean(x, dtype="float64")
    rest, column = np.nan_to_num(x - mean), np.zeros(x.shape[1])
    row_sums, column_sums = rest.sum(axis=1), rest.sum(axis=0)
    row_counts, column_counts = known.sum(axis=1) + damping, known.sum(axis=0) + damping
    for _ in range(100):  # in turns, each exactly; the error shrinks every time
        before = column
        row = (row_sums - known @ column) / row_counts
        column = (column_sums - row @ known) / column_counts
        if np.abs(column - before).max() < 1e-5:
            break
    return (mean + row[:, np.newaxis] + column).astype("float32")
