"""The losses against numpy, in double precision, and at the edges."""

import keras
import numpy as np
import pytest
from scipy import stats

import aezoo

LOSSES = [aezoo.squared_error, aezoo.bernoulli_nll, aezoo.gaussian_nll]


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
def test_gradients_match_finite_differences(loss, images):
    x, reconstruction = (np.float64(a[:1, :2, :2, :1]) for a in images)
    variable = keras.Variable(reconstruction, dtype="float64")

    def total(values):
        return keras.ops.sum(loss(x, values))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = total(variable.value)
        gradient = as_numpy(tape.gradient(value, variable.value))
        rtol = 1e-5
    else:
        import jax

        # JAX computes in single precision unless told otherwise.
        gradient = as_numpy(jax.grad(total)(variable.value))
        rtol = 1e-3

    step = 1e-4
    for index in np.ndindex(reconstruction.shape):
        up, down = reconstruction.copy(), reconstruction.copy()
        up[index] += step
        down[index] -= step
        slope = (_numpy_loss(loss, x, up) - _numpy_loss(loss, x, down)) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=rtol)


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
