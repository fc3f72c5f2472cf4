"""The losses against numpy, in double precision, and at the edges."""

import keras
import numpy as np
import pytest
from scipy import stats

import aezoo

LOSSES = [aezoo.squared_error, aezoo.bernoulli_nll, aezoo.gaussian_nll]
WITH_GAPS = {loss: getattr(aezoo, f"{loss.__name__}_with_gaps") for loss in LOSSES}


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.random((5, 6, 4, 3)).astype("float32")
    reconstruction = rng.uniform(0.01, 0.99, x.shape).astype("float32")
    return x, reconstruction


def as_numpy(values):
    return keras.ops.convert_to_numpy(values)


def test_squared_error_sums_over_pixels(images):
    x, reconstruction = images
    expected = np.square(np.float64(x) - reconstruction).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        as_numpy(aezoo.squared_error(x, reconstruction)), expected, rtol=1e-6
    )


def test_bernoulli_nll_is_the_log_probability_of_binary_pixels(images):
    x, probability = images
    x = np.rint(x)
    expected = -stats.bernoulli.logpmf(x, np.float64(probability)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        as_numpy(aezoo.bernoulli_nll(x, probability)), expected, rtol=1e-5
    )


def test_bernoulli_nll_of_grey_pixels_is_the_cross_entropy(images):
    x, p = np.float64(images[0]), np.float64(images[1])
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        as_numpy(aezoo.bernoulli_nll(*images)), expected, rtol=1e-5
    )


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_gaussian_nll_is_the_log_density(images, sigma):
    x, mean = images
    expected = -stats.norm.logpdf(np.float64(x), mean, sigma).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        as_numpy(aezoo.gaussian_nll(x, mean, sigma)), expected, rtol=1e-5
    )


def test_bernoulli_nll_is_finite_at_certainty():
    certain = np.array([[0.0, 1.0]], "float32")
    right = as_numpy(aezoo.bernoulli_nll(certain, certain))
    wrong = as_numpy(aezoo.bernoulli_nll(1 - certain, certain))
    np.testing.assert_allclose(right, 0.0, atol=1e-5)
    np.testing.assert_allclose(wrong, 2 * 16.1, atol=0.4)  # ln 1e-7 = -16.1


@pytest.mark.parametrize("loss", LOSSES)
def test_one_value_per_image_and_integers_are_welcome(loss):
    x = np.array([[0, 1, 1], [1, 0, 0]], "uint8")
    values = as_numpy(loss(x, x))
    assert values.shape == (2,)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("true_shape", "pred_shape"),
    [((4, 28, 28), (4, 28, 28, 1)), ((4, 3), (4, 1)), ((4,), (4,)), ((4, 3), (1, 3))],
)
def test_shapes_that_would_broadcast_are_refused(loss, true_shape, pred_shape):
    with pytest.raises(ValueError, match=r"same shape.*Received: y_true\.shape="):
        loss(np.zeros(true_shape), np.zeros(pred_shape))


@pytest.mark.parametrize("sigma", [0, -1.0, float("nan"), float("inf")])
def test_gaussian_nll_refuses_a_sigma_that_is_no_width(sigma):
    with pytest.raises(ValueError, match=r"positive.*Received: sigma="):
        aezoo.gaussian_nll(np.zeros((1, 2)), np.zeros((1, 2)), sigma=sigma)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_match_finite_differences(loss, images, gradient):
    x, reconstruction = (np.float64(a[:1, :2, :2, :1]) for a in images)
    slopes = gradient(lambda values: keras.ops.sum(loss(x, values)), reconstruction)
    # JAX computes in single precision unless told otherwise.
    rtol = 1e-3 if keras.backend.backend() == "jax" else 1e-5

    step = 1e-4
    for index in np.ndindex(reconstruction.shape):
        up, down = reconstruction.copy(), reconstruction.copy()
        up[index] += step
        down[index] -= step
        slope = (_numpy_loss(loss, x, up) - _numpy_loss(loss, x, down)) / (2 * step)
        assert slopes[index] == pytest.approx(slope, rel=rtol)


def _numpy_loss(loss, x, p):
    if loss is aezoo.squared_error:
        return np.square(x - p).sum()
    if loss is aezoo.gaussian_nll:
        return -stats.norm.logpdf(x, p, 1.0).sum()
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum()


@pytest.mark.parametrize("loss", LOSSES)
def test_compiled_loss_and_metric_agree_with_the_mean_over_images(loss):
    x = np.random.default_rng(0).random((50, 4)).astype("float32")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(4, activation="sigmoid")(inputs))
    model.compile("sgd", loss=loss, metrics=[loss])
    # 50 images in batches of 32: a metric that averaged batches would be off.
    result = model.evaluate(x, x, batch_size=32, verbose=0, return_dict=True)
    expected = as_numpy(loss(x, model.predict(x, verbose=0))).mean()
    assert result["loss"] == pytest.approx(expected, rel=1e-5)
    assert result[loss.__name__] == pytest.approx(expected, rel=1e-5)


# --------------------------------------------------------------- data with gaps


@pytest.fixture
def gaps(images):
    """Targets with a third of their pixels unknown, and which are known."""
    x, reconstruction = images
    known = np.random.default_rng(1).random(x.shape) > 1 / 3
    return np.where(known, x, np.nan), reconstruction, known


@pytest.mark.parametrize("loss", LOSSES)
def test_without_gaps_it_is_the_loss_itself(loss, images):
    np.testing.assert_allclose(
        as_numpy(WITH_GAPS[loss](*images)), as_numpy(loss(*images)), rtol=1e-6
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_a_gap_costs_nothing(loss, gaps):
    x, reconstruction, known = gaps
    values = as_numpy(WITH_GAPS[loss](x, reconstruction))
    for value, *image in zip(values, x, reconstruction, known, strict=True):
        target, guess, mask = image
        expected = _numpy_loss(loss, np.float64(target[mask]), np.float64(guess[mask]))
        assert value == pytest.approx(expected, rel=1e-5)
    nothing_known = np.full_like(x, np.nan)
    assert (as_numpy(WITH_GAPS[loss](nothing_known, reconstruction)) == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_gap_moves_nothing(loss, gaps, gradient):
    x, reconstruction, known = gaps
    slopes = gradient(
        lambda values: keras.ops.sum(WITH_GAPS[loss](x, values)), reconstruction
    )
    assert (slopes[~known] == 0).all()
    filled = np.where(known, x, 0.5)
    whole = gradient(lambda values: keras.ops.sum(loss(filled, values)), reconstruction)
    np.testing.assert_allclose(slopes[known], whole[known], rtol=1e-6)


def test_one_unknown_value_trains_and_ruins_nothing(tmp_path):
    x = np.random.default_rng(0).random((64, 6)).astype("float32")
    x[3, 2] = np.nan
    model = aezoo.undercomplete_autoencoder((6,), latent_dim=2, hidden_units=(8,))
    model.compile(
        "adam",
        loss=aezoo.squared_error_with_gaps,
        metrics=[aezoo.squared_error_with_gaps],
    )
    losses = model.fit(np.nan_to_num(x), x, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.isfinite(loaded.evaluate(np.nan_to_num(x), x, verbose=0)).all()


def test_imputation_learned_with_gaps_beats_the_means_of_columns():
    rng = np.random.default_rng(0)
    complete = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 12))
    complete = (complete / complete.std(axis=0)).astype("float32")
    known = rng.random(complete.shape) > 0.2
    x = np.where(known, complete, np.nan)
    model = aezoo.undercomplete_autoencoder(
        (12,), latent_dim=4, hidden_units=(64,), output_activation=None
    )
    model.compile(keras.optimizers.Adam(3e-3), loss=aezoo.squared_error_with_gaps)
    model.fit(np.nan_to_num(x), x, epochs=60, verbose=0)
    guesses = model.predict(np.nan_to_num(x), verbose=0)
    # Standardised columns: their means, 0, are wrong by 1.
    assert np.sqrt(np.mean((guesses - complete)[~known] ** 2)) < 0.5


# ------------------------------------------------------- values that can be seen


@pytest.mark.parametrize("loss", [aezoo.bernoulli_nll, aezoo.bernoulli_nll_with_gaps])
@pytest.mark.parametrize(
    ("target", "guess", "name"),
    [(255, 0.5, "y_true"), (-1.0, 0.5, "y_true"), (1.0, 3.0, "y_pred")],
)
@pytest.mark.parametrize("make", [np.asarray, keras.ops.convert_to_tensor])
def test_pixels_and_probabilities_outside_0_to_1_are_refused(
    loss, target, guess, name, make
):
    x, p = make(np.full((2, 3), target)), make(np.full((2, 3), guess))
    with pytest.raises(ValueError, match=rf"`{name}` must be .* Received: {name} from"):
        loss(x, p)


def test_inside_a_compiled_step_the_loss_is_negative_at_least():
    if keras.backend.backend() == "torch":
        pytest.skip("every step of PyTorch's is eager, so the values are refused")
    x = np.random.default_rng(0).integers(0, 256, (32, 4)).astype("float32")
    model = aezoo.undercomplete_autoencoder((4,))
    model.compile(keras.optimizers.Adam(0.01), loss=aezoo.bernoulli_nll)
    assert model.fit(x, x, epochs=20, verbose=0).history["loss"][-1] < 0
