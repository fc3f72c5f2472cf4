"""The two Gaussians' divergence is its integral; the condition reaches every net."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats

import aezoo
from aezoo import ConditionalSampling, GaussianSampling


def kl_of(layer, *gaussians):
    layer(*(ops.convert_to_tensor(each, "float32") for each in gaussians))
    (loss,) = layer.losses
    return float(loss)


@pytest.mark.parametrize(
    ("mean", "log_var", "prior_mean", "prior_log_var"),
    [(0.3, -1.0, 0.0, 0.0), (2.0, 0.5, -1.0, 1.5), (-1.0, -3.0, 0.5, -2.0)],
)
def test_the_kl_is_its_integral_and_the_mean_over_draws(
    mean, log_var, prior_mean, prior_log_var
):
    q = stats.norm(mean, np.exp(log_var / 2))
    p = stats.norm(prior_mean, np.exp(prior_log_var / 2))
    limits = mean - 12 * q.std(), mean + 12 * q.std()
    integral, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), *limits
    )
    kl = kl_of(
        ConditionalSampling(),
        *([[v]] for v in (mean, log_var, prior_mean, prior_log_var)),
    )
    assert kl == pytest.approx(integral, rel=1e-4)
    # The layer's own draws are the recognition net's.
    many = [
        np.full((200_000, 1), value, "float32")
        for value in (mean, log_var, prior_mean, prior_log_var)
    ]
    z = ops.convert_to_numpy(ConditionalSampling(seed=0)(*many)).astype("float64")
    ratio = q.logpdf(z) - p.logpdf(z)
    deviation = ratio.std() / np.sqrt(len(z))
    assert abs(ratio.mean() - integral) < 5 * deviation


def test_it_sums_over_the_code_and_averages_over_the_batch():
    rng = np.random.default_rng(0)
    once = rng.normal(size=(4, 6, 3))
    kl = kl_of(ConditionalSampling(0.7), *once)
    wider = kl_of(ConditionalSampling(0.7), *np.tile(once, (1, 1, 5)))
    longer = kl_of(ConditionalSampling(0.7), *np.tile(once, (1, 5, 1)))
    assert wider == pytest.approx(5 * kl, rel=1e-4)
    assert longer == pytest.approx(kl, rel=1e-4)


def test_against_a_standard_normal_it_is_that_of_the_variational_autoencoder():
    mean, log_var = np.random.default_rng(0).normal(size=(2, 5, 3))
    zero = np.zeros((5, 3))
    assert kl_of(ConditionalSampling(), mean, log_var, zero, zero) == pytest.approx(
        kl_of(GaussianSampling(), mean, log_var), rel=1e-5
    )
    assert kl_of(ConditionalSampling(), mean, log_var, mean, log_var) == pytest.approx(
        0.0, abs=1e-5
    )


@pytest.mark.parametrize("extreme", [300.0, -300.0])
def test_no_log_variance_is_so_large_that_loss_or_gradient_is_nan(extreme, gradient):
    one = np.ones((2, 3), "float32")

    def loss(prior_log_var):
        layer = ConditionalSampling()
        layer(one, one, one, prior_log_var)
        return layer.losses[0]

    assert np.isfinite(float(loss(ops.convert_to_tensor(extreme * one))))
    assert np.isfinite(gradient(loss, extreme * one)).all()


def test_the_loss_is_the_likelihood_plus_beta_times_the_kl():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (8, 6)).astype("float32")
    c = rng.random((8, 2)).astype("float32")
    model = aezoo.conditional_variational_autoencoder(
        (6,), (2,), latent_dim=3, hidden_units=(5,), beta=0.4
    )
    model.compile("adam", loss=aezoo.bernoulli_nll, metrics=[aezoo.bernoulli_nll])
    loss, nll = model.evaluate([x, c], x, verbose=0)
    q, p = (
        model.get_layer("encoder").predict([x, c], verbose=0),
        model.get_layer("prior"),
    )
    kl = kl_of(ConditionalSampling(), *q, *p.predict(c, verbose=0))
    assert loss - nll == pytest.approx(0.4 * kl, rel=1e-3)
    assert kl > 1e-3


def test_the_label_decides_what_is_drawn():
    """Two patterns with noise: each label gets its own, whatever the draw."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    patterns = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    x = np.abs(patterns[y] - (rng.random((400, 6)) < 0.05)).astype("float32")
    labels = np.eye(2, dtype="float32")[y]
    model = aezoo.conditional_variational_autoencoder(
        (6,), (2,), latent_dim=2, hidden_units=(16,)
    )
    model.compile(keras.optimizers.Adam(0.01), loss=aezoo.bernoulli_nll)
    model.fit([x, labels], x, epochs=40, batch_size=50, verbose=0)
    noise = rng.normal(size=(50, 2))
    for label in range(2):
        given = np.tile(np.eye(2)[label], (50, 1))
        mean, log_var = model.get_layer("prior").predict(given, verbose=0)
        z = mean + np.exp(log_var / 2) * noise
        drawn = model.get_layer("decoder").predict([z, given], verbose=0)
        assert np.abs(drawn - patterns[label]).mean() < 0.2


def test_log_likelihood_given_a_condition_is_the_integral_over_codes():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (4, 5)).astype("float32")
    c = rng.random((4, 2)).astype("float32")
    model = aezoo.conditional_variational_autoencoder(
        (5,), (2,), latent_dim=1, hidden_units=(6,)
    )
    # Priors that are neither standard nor equal, and a wide recognition net.
    prior, encoder = model.get_layer("prior"), model.get_layer("encoder")
    for part, head, bias in (
        (prior, "prior_mean", 0.7),
        (prior, "prior_log_var", -0.5),
        (encoder, "z_log_var", 2.0),
    ):
        kernel, _ = part.get_layer(head).get_weights()
        part.get_layer(head).set_weights([kernel, np.array([bias])])
    mean, log_var = prior.predict(c, verbose=0)
    z = np.linspace(-12, 12, 4001)
    exact = []
    for row in range(4):
        given = np.tile(c[row], (len(z), 1))
        p = model.get_layer("decoder").predict([z[:, np.newaxis], given], verbose=0)
        log_p = np.log(np.where(x[row] == 1, p, 1 - p)).sum(axis=1)
        density = stats.norm.pdf(z, mean[row], np.exp(log_var[row] / 2))
        exact.append(np.log(np.trapezoid(np.exp(log_p) * density, z)))
    estimate = aezoo.log_likelihood(model, [x, c], num_samples=20_000, seed=0)
    np.testing.assert_allclose(estimate, exact, atol=0.02)
    # In parts, as where memory is short.
    parts = aezoo.log_likelihood(
        model, [x, c], num_samples=20_000, batch_size=700, seed=1
    )
    np.testing.assert_allclose(parts, exact, atol=0.02)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 4)),
        [np.zeros((2, 4))],
        [np.zeros((2, 4)), np.zeros((3, 2))],
        [np.zeros((2, 4)), np.zeros((2, 4))],
        [np.zeros((0, 4)), np.zeros((0, 2))],
        [np.zeros((2, 4)), np.full((2, 2), np.nan)],
    ],
)
def test_log_likelihood_refuses_a_condition_that_does_not_fit(x):
    model = aezoo.conditional_variational_autoencoder((4,), (2,), latent_dim=2)
    with pytest.raises(ValueError, match=r"`x` must be .*\. Received: "):
        aezoo.log_likelihood(model, x, num_samples=2)


def test_beta_can_be_annealed_and_is_saved(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (32, 6)).astype("float32")
    c = rng.random((32, 2)).astype("float32")
    model = aezoo.conditional_variational_autoencoder(
        (6,), (2,), latent_dim=2, hidden_units=(4,), beta=5.0
    )
    head = model.get_layer("encoder").get_layer("z_mean")
    head.set_weights([head.get_weights()[0], np.full(2, 3.0)])  # a KL worth its price
    model.compile(keras.optimizers.SGD(0.0), loss=aezoo.bernoulli_nll)

    def begin(epoch, logs=None):
        model.get_layer("z").beta = [5.0, 0.0][epoch]

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    loss = model.fit([x, c], x, epochs=2, callbacks=[callback], verbose=0)
    first, second = loss.history["loss"]
    assert first - second > 20
    model.get_layer("z").beta = 0.3
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("z").beta == 0.3


@pytest.mark.one_backend
def test_its_beta_is_kept_as_that_of_the_variational_autoencoder():
    for method in ("__init__", "get_config"):
        assert inspect.getsource(getattr(ConditionalSampling, method)) == (
            inspect.getsource(getattr(GaussianSampling, method))
        )
    assert inspect.getsource(ConditionalSampling.beta.fset) == (
        inspect.getsource(GaussianSampling.beta.fset)
    )
