"""A gap costs nothing and moves nothing; what is predicted in it is worth something."""

import keras
import numpy as np
import pytest

import aezoo


def table(rows=60, columns=30, known=0.5, seed=0):
    """A table of rank 2 with noise, and the same with gaps."""
    rng = np.random.default_rng(seed)
    full = rng.normal(size=(rows, 2)) @ rng.normal(size=(2, columns))
    full += 3 + 0.1 * rng.normal(size=full.shape)
    gaps = rng.random(full.shape) > known
    return full.astype("float32"), np.where(gaps, np.nan, full).astype("float32")


def model_for(x, **arguments):
    model = aezoo.recommender_autoencoder(
        x.shape[1:], **{"latent_dim": 5, "kernel_regularizer": None, **arguments}
    )
    model.compile(keras.optimizers.SGD(0.01), loss=aezoo.squared_error_with_gaps)
    return model


def test_a_row_of_gaps_costs_nothing_and_moves_nothing():
    x = np.full((4, 6), np.nan, "float32")
    model = model_for(x, hidden_units=(7,))
    before = model.get_weights()
    assert model.fit(x, x, epochs=3, verbose=0).history["loss"] == [0.0] * 3
    for weights, start in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, start)


def test_no_weight_of_a_film_that_nobody_rated_is_moved():
    _, x = table()
    x[:, 4] = np.nan
    model = model_for(x)
    names = [weights.path for weights in model.weights]
    before = model.get_weights()
    model.fit(x, x, epochs=2, verbose=0)
    into, out_of = 0, 0
    for name, weights, start in zip(names, model.get_weights(), before, strict=True):
        moved = weights != start
        if "codes/kernel" in name:
            assert not moved[4].any() and moved.sum() > 0
            into += 1
        elif "ratings/" in name:
            assert not moved[..., 4].any() and moved.sum() > 0
            out_of += 1
    assert (into, out_of) == (1, 2)


def test_the_loss_is_that_of_the_known_ratings_plus_the_decay():
    _, x = table()
    model = model_for(x, kernel_regularizer=keras.regularizers.L2(0.3))
    error = np.nansum((model.predict(x, verbose=0) - x) ** 2, axis=1).mean()
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    decay = 0.3 * sum(np.square(kernel).sum() for kernel in kernels)
    loss = model.evaluate(x, x, batch_size=len(x), verbose=0)
    assert loss == pytest.approx(error + decay, rel=1e-4)


def test_a_dataset_of_tensorflow_trains_as_arrays_do():
    tf = pytest.importorskip("tensorflow")
    _, x = table()
    batches = tf.data.Dataset.from_tensor_slices((x, x)).batch(16)
    losses = []
    for arguments in ((batches,), (x, x)):
        keras.utils.set_random_seed(0)
        model = model_for(x)
        options = {} if len(arguments) == 1 else {"batch_size": 16}
        history = model.fit(*arguments, epochs=2, shuffle=False, verbose=0, **options)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("baseline_out", [True, False])
@pytest.mark.parametrize("rows_are", ["users", "films"])
def test_gaps_are_predicted_better_than_by_averages(rows_are, baseline_out):
    full, x = table(200, 100)
    baseline = aezoo.rating_baseline(x)
    rest = x - baseline if baseline_out else x
    turned = rest if rows_are == "users" else rest.T
    model = aezoo.recommender_autoencoder(
        turned.shape[1:],
        latent_dim=8,
        activation="relu",
        kernel_regularizer=keras.regularizers.L2(0.01),
    )
    model.compile(keras.optimizers.Adam(0.01), loss=aezoo.squared_error_with_gaps)
    model.fit(turned, turned, batch_size=20, epochs=40, verbose=0)
    predicted = model.predict(turned, verbose=0)
    assert np.isfinite(predicted).all()
    predicted = predicted if rows_are == "users" else predicted.T
    stars = baseline + predicted if baseline_out else predicted
    gaps = np.isnan(x)
    error, averages = (np.std((p - full)[gaps]) for p in (stars, baseline))
    assert error < 0.7 * averages


def test_the_baseline_is_the_damped_least_squares_solution():
    _, x = table(9, 7)
    x[3] = np.nan  # a row and a column without a rating
    x[:, 2] = np.nan
    known, damping = np.isfinite(x), 1.7
    mean = x[known].mean(dtype="float64")
    rows, columns = np.nonzero(known)
    indicators = np.zeros((len(rows), 16))
    indicators[np.arange(len(rows)), rows] = 1
    indicators[np.arange(len(rows)), 9 + columns] = 1
    # The ridge is 16 more equations, in which each number should be 0.
    left = np.vstack([indicators, np.sqrt(damping) * np.eye(16)])
    right = np.concatenate([x[known] - mean, np.zeros(16)])
    solution, *_ = np.linalg.lstsq(left, right)
    expected = mean + solution[:9, np.newaxis] + solution[9:]
    baseline = aezoo.rating_baseline(x, damping=damping)
    np.testing.assert_allclose(baseline, expected, atol=1e-4)
    turned = aezoo.rating_baseline(x.T, damping=damping)
    np.testing.assert_allclose(turned.T, baseline, atol=1e-4)


def test_one_rating_moves_a_row_a_little():
    x = np.array([[1.0, 1.0], [5.0, 5.0], [5.0, np.nan]])
    row = aezoo.rating_baseline(x, damping=100.0)[2]
    mean = np.nanmean(x)
    assert (abs(row - mean) < 0.1).all()


@pytest.mark.parametrize(
    ("x", "damping", "message"),
    [
        (np.zeros(4), 5.0, r"`x` must be .*\. Received: x\.shape="),
        (np.full((2, 2), np.nan), 5.0, r"`x` must be .*\. Received: x\.shape="),
        (np.array([["a", "b"]]), 5.0, r"`x` must be .*\. Received: x\.shape="),
        (np.array([[1.0, np.inf]]), 5.0, r"must be finite.*\. Received: 1 infinite"),
        (np.eye(2), 0.0, r"`damping` must be .*\. Received: damping="),
        (np.eye(2), float("nan"), r"`damping` must be .*\. Received: damping="),
    ],
)
def test_what_is_no_table_of_ratings_is_refused(x, damping, message):
    with pytest.raises(ValueError, match=message):
        aezoo.rating_baseline(x, damping=damping)
