"""The loss is the negative ELBO, and `log_likelihood` finds the exact evidence."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy import sparse

import aezoo
from aezoo import GaussianSampling

SIGMA = 0.5


def gaussian_nll(y_true, y_pred):
    return aezoo.gaussian_nll(y_true, y_pred, sigma=SIGMA)


def kl_in_double(z_mean, z_log_var):
    """KL from the standard normal of each example, (batch,)."""
    z_mean, z_log_var = z_mean.astype("float64"), z_log_var.astype("float64")
    return 0.5 * (np.exp(z_log_var) + z_mean**2 - 1 - z_log_var).sum(axis=1)


def added_loss(layer, *inputs):
    layer(*inputs)
    (loss,) = layer.losses
    return float(loss)


def gaussian_parameters(batch, latent_dim):
    rng = np.random.default_rng(0)
    z_mean = rng.normal(0, 1.5, (batch, latent_dim)).astype("float32")
    z_log_var = rng.normal(-1, 1, (batch, latent_dim)).astype("float32")
    return z_mean, z_log_var


# ---------------------------------------------------------------- the KL divergence


def test_the_kl_is_the_integral_that_defines_it():
    z_mean, z_log_var = gaussian_parameters(4, 3)
    z = np.linspace(-25, 25, 500_001)
    divergences = np.zeros(4)
    for example in range(4):
        for unit in range(3):
            mean, log_var = (
                float(z_mean[example, unit]),
                float(z_log_var[example, unit]),
            )
            log_q = -0.5 * ((z - mean) ** 2 / math.exp(log_var) + log_var)
            log_p = -0.5 * z**2
            density = np.exp(log_q) / math.sqrt(2 * math.pi)
            divergences[example] += np.trapezoid(density * (log_q - log_p), z)
    np.testing.assert_allclose(divergences, kl_in_double(z_mean, z_log_var), rtol=1e-9)
    added = added_loss(GaussianSampling(), z_mean, z_log_var)
    assert added == pytest.approx(divergences.mean(), rel=1e-5)


def test_the_kl_is_what_samples_say_it_is():
    z_mean, z_log_var = gaussian_parameters(1, 3)
    many = 200_000
    layer = GaussianSampling(seed=0)
    z = ops.convert_to_numpy(
        layer(z_mean.repeat(many, axis=0), z_log_var.repeat(many, axis=0))
    ).astype("float64")
    log_q = -0.5 * ((z - z_mean) ** 2 / np.exp(z_log_var) + z_log_var).sum(axis=1)
    log_p = -0.5 * (z**2).sum(axis=1)
    standard_error = np.std(log_q - log_p) / math.sqrt(many)
    assert abs(float(layer.losses[0]) - np.mean(log_q - log_p)) < 5 * standard_error


def test_the_kl_is_averaged_over_the_batch_whatever_its_size():
    z_mean, z_log_var = gaussian_parameters(5, 3)
    once = added_loss(GaussianSampling(), z_mean, z_log_var)
    four_times = added_loss(
        GaussianSampling(), np.tile(z_mean, (4, 1)), np.tile(z_log_var, (4, 1))
    )
    assert four_times == pytest.approx(once, rel=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.25, 4.0])
def test_beta_scales_the_kl(beta):
    z_mean, z_log_var = gaussian_parameters(5, 3)
    added = added_loss(GaussianSampling(beta), z_mean, z_log_var)
    expected = beta * kl_in_double(z_mean, z_log_var).mean()
    assert added == pytest.approx(expected, rel=1e-5, abs=1e-9)


# --------------------------------------------------------------------- the sampling


@pytest.mark.parametrize("training", [False, True])
def test_draws_have_the_mean_and_the_variance_of_the_code(training):
    many = 100_000
    mean = np.array([-1.0, 0.0, 3.0], "float32")
    variance = np.array([0.04, 1.0, 6.25], "float32")
    z = ops.convert_to_numpy(
        GaussianSampling(seed=0)(
            np.tile(mean, (many, 1)),
            np.tile(np.log(variance), (many, 1)),
            training=training,
        )
    )
    # Five standard errors of a mean and of a variance of Gaussian draws.
    assert (np.abs(z.mean(axis=0) - mean) < 5 * np.sqrt(variance / many)).all()
    ratio = z.var(axis=0) / variance
    assert (np.abs(ratio - 1) < 5 * math.sqrt(2 / many)).all()
    correlation = np.corrcoef(z.T)[np.triu_indices(3, 1)]
    assert (np.abs(correlation) < 5 / math.sqrt(many)).all()


def test_noise_differs_between_examples_and_between_calls():
    zeros = np.zeros((50, 4), "float32")
    layer = GaussianSampling(seed=0)
    first, second = (ops.convert_to_numpy(layer(zeros, zeros)) for _ in range(2))
    assert len(np.unique(first)) == first.size
    assert (first != second).all()
    again = GaussianSampling(seed=0)
    np.testing.assert_array_equal(again(zeros, zeros), first)


def test_predict_draws_afresh_and_the_mean_is_repeatable():
    model = aezoo.variational_autoencoder((6, 5, 1), latent_dim=3)
    x = np.random.default_rng(0).random((8, 6, 5, 1)).astype("float32")
    first, second = (model.predict(x, verbose=0) for _ in range(2))
    assert (first != second).any(axis=(1, 2, 3)).all()
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    z_mean, z_log_var = encoder.predict(x, verbose=0)
    assert z_mean.shape == z_log_var.shape == (8, 3)
    assert [layer.name for layer in encoder.layers][-2:] == ["z_mean", "z_log_var"]
    again, _ = encoder.predict(x, verbose=0)
    np.testing.assert_array_equal(again, z_mean)
    assert decoder.predict(z_mean, verbose=0).shape == x.shape


def test_gradients_pass_through_the_draw():
    """For z ~ N(mean, exp(log_var)), E[z^2] = mean^2 + exp(log_var).

    One step of SGD with a learning rate of 1 reads the gradients off the weights.
    """
    many, mean, log_var = 100_000, 0.7, -0.4
    ones = np.ones((many, 1), "float32")
    inputs = keras.Input((1,))
    means = keras.layers.Dense(1, use_bias=False, name="mean")(inputs)
    log_vars = keras.layers.Dense(1, use_bias=False, name="log_var")(inputs)
    model = keras.Model(inputs, GaussianSampling(beta=0.0, seed=0)(means, log_vars))
    for name, value in (("mean", mean), ("log_var", log_var)):
        model.get_layer(name).set_weights([np.array([[value]])])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda _, z: ops.square(z)[:, 0])
    model.train_on_batch(ones, ones)
    mean_after, log_var_after = (
        model.get_layer(name).get_weights()[0].item() for name in ("mean", "log_var")
    )
    # d/dmean = 2 mean, from draws 2 z; d/dlog_var = variance, from z (z - mean).
    variance = math.exp(log_var)
    error_of_mean = math.sqrt(4 * variance / many)
    error_of_log_var = math.sqrt((mean**2 * variance + 2 * variance**2) / many)
    assert abs((mean - mean_after) - 2 * mean) < 5 * error_of_mean
    assert abs((log_var - log_var_after) - variance) < 5 * error_of_log_var


# ------------------------------------------------------------------------- the loss


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_the_loss_is_the_likelihood_plus_the_kl_in_fit_and_in_evaluate(beta):
    x = np.random.default_rng(0).integers(0, 2, (300, 4, 3, 1)).astype("float32")
    model = aezoo.variational_autoencoder(
        x.shape[1:], latent_dim=3, hidden_units=(8,), beta=beta
    )
    kl = beta * kl_in_double(*model.get_layer("encoder").predict(x, verbose=0)).mean()
    model.compile(
        keras.optimizers.SGD(0.0),  # nothing moves: fit and evaluate must agree
        loss=aezoo.bernoulli_nll,
        metrics=[aezoo.bernoulli_nll],
    )
    history = model.fit(
        x, x, batch_size=64, epochs=10, validation_data=(x, x), verbose=0
    ).history
    nll, losses = np.array(history["bernoulli_nll"]), np.array(history["loss"])
    val_nll = np.array(history["val_bernoulli_nll"])
    np.testing.assert_allclose(losses - nll, kl, rtol=1e-4)
    np.testing.assert_allclose(history["val_loss"] - val_nll, kl, rtol=1e-4)
    # Both are means over fresh draws of the same quantity.
    spread = np.std([nll, val_nll], axis=1, ddof=1).max()
    assert spread > 0
    assert abs(nll.mean() - val_nll.mean()) < 5 * spread * math.sqrt(2 / 10)


def test_training_finds_the_best_linear_gaussian_model():
    """A linear VAE has probabilistic PCA for its optimum, and there a tight bound.

    Tipping and Bishop, 1999: with sigma fixed, the best covariance keeps the leading
    eigenvalues of the data's and replaces the others by sigma^2.
    """
    rng = np.random.default_rng(0)
    mixing = np.linalg.qr(rng.normal(size=(5, 2)))[0].T * [[2.0], [1.2]]
    x = rng.normal(size=(1000, 2)) @ mixing + SIGMA * rng.normal(size=(1000, 5)) + 1
    x = x.astype("float32")
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    values[:3] = SIGMA**2
    best = exact_log_likelihood(x, x.mean(axis=0), (vectors * values) @ vectors.T)

    model = aezoo.variational_autoencoder(
        (5,), latent_dim=2, hidden_units=(), output_activation=None
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 60 * 20)
    model.compile(keras.optimizers.Adam(schedule), loss=gaussian_nll)
    model.fit(x, x, batch_size=50, epochs=60, verbose=0)
    mixing, offset = model.get_layer("decoder").get_weights()
    covariance = mixing.T @ mixing + SIGMA**2 * np.eye(5)
    learned = exact_log_likelihood(x, offset, covariance)
    assert best.mean() - 0.05 < learned.mean() < best.mean() + 1e-4
    elbo = -np.mean([model.evaluate(x, x, verbose=0) for _ in range(5)])
    assert learned.mean() - 0.1 < elbo < learned.mean() + 0.02
    found = aezoo.log_likelihood(model, x, num_samples=100, nll=gaussian_nll, seed=0)
    assert found.mean() == pytest.approx(learned.mean(), abs=0.01)


# -------------------------------------------------------------- the log-likelihood


def exact_log_likelihood(x, mean, covariance):
    """log N(x; mean, covariance) of each row."""
    centred = x.astype("float64") - mean
    _, log_determinant = np.linalg.slogdet(covariance)
    distances = (centred @ np.linalg.inv(covariance) * centred).sum(axis=1)
    return -0.5 * (distances + log_determinant + x.shape[1] * math.log(2 * math.pi))


def linear_gaussian_model(mixing, offset, encoder_kernel, encoder_bias, variances):
    """x ~ N(codes @ mixing + offset, SIGMA^2), with the given Gaussian encoder."""
    model = aezoo.variational_autoencoder(
        (mixing.shape[1],),
        latent_dim=mixing.shape[0],
        hidden_units=(),
        output_activation=None,
        beta=7.0,  # must not matter
    )
    encoder = model.get_layer("encoder")
    encoder.get_layer("z_mean").set_weights([encoder_kernel, encoder_bias])
    encoder.get_layer("z_log_var").set_weights(
        [np.zeros_like(encoder_kernel), np.log(variances)]
    )
    model.get_layer("decoder").get_layer("pixels").set_weights([mixing, offset])
    return model


@pytest.fixture
def linear_gaussian():
    """Draws, exact log-likelihoods, and the model with the exact posterior."""
    rng = np.random.default_rng(0)
    # Orthogonal rows, for a posterior without correlations, as an encoder's are.
    rows = np.linalg.qr(rng.normal(size=(4, 2)))[0].T
    mixing, offset = rows * [[2.0], [0.7]], rng.normal(size=4)
    x = rng.normal(size=(40, 2)) @ mixing + SIGMA * rng.normal(size=(40, 4)) + offset
    x = x.astype("float32")
    exact = exact_log_likelihood(x, offset, mixing.T @ mixing + SIGMA**2 * np.eye(4))
    variances = 1 / (1 + np.diag(mixing @ mixing.T) / SIGMA**2)
    kernel = mixing.T * variances / SIGMA**2
    model = linear_gaussian_model(mixing, offset, kernel, -offset @ kernel, variances)
    return x, exact, model


@pytest.mark.parametrize("num_samples", [1, 20])
def test_with_the_exact_posterior_one_draw_is_exact(linear_gaussian, num_samples):
    x, exact, model = linear_gaussian
    found = aezoo.log_likelihood(model, x, num_samples=num_samples, nll=gaussian_nll)
    assert found.shape == (40,)
    np.testing.assert_allclose(found, exact, atol=1e-4)


def test_with_another_encoder_it_rises_from_the_elbo_to_the_exact_value():
    mixing = np.array([[0.6, 0.2, -0.3], [0.1, -0.5, 0.2]])
    offset, one = np.array([0.1, -0.2, 0.3]), np.array([0.5, -0.4, 0.9])
    # An encoder that ignores the image: the prior itself.
    model = linear_gaussian_model(
        mixing, offset, np.zeros((3, 2)), np.zeros(2), np.ones(2)
    )
    covariance = mixing.T @ mixing + SIGMA**2 * np.eye(3)
    exact = exact_log_likelihood(one[np.newaxis], offset, covariance)[0]
    # The ELBO under the prior: E_z ||x - z W - b||^2 = ||x - b||^2 + ||W||^2, KL = 0.
    squares = ((one - offset) ** 2).sum() + (mixing**2).sum()
    elbo = -squares / (2 * SIGMA**2) - 3 * math.log(SIGMA * math.sqrt(2 * math.pi))

    repeats = np.tile(one, (2000, 1))
    means, errors = [], []
    for num_samples in (1, 5, 50):
        found = aezoo.log_likelihood(
            model, repeats, num_samples=num_samples, nll=gaussian_nll, seed=0
        )
        means.append(found.mean())
        errors.append(found.std() / math.sqrt(len(found)))
    assert abs(means[0] - elbo) < 5 * errors[0]
    assert elbo < means[1] < means[2] < exact + 5 * errors[2]
    assert exact - means[1] > 5 * errors[1]  # a bound, not yet the value

    found = aezoo.log_likelihood(
        model, repeats[:2], num_samples=50_000, nll=gaussian_nll, seed=0
    )
    # The weights' standard deviation is 0.93 of their mean (by quadrature over z), so
    # that 0.03 is seven standard errors of 50,000 draws.
    np.testing.assert_allclose(found, exact, atol=0.03)


def test_binary_pixels_through_a_curved_decoder_agree_with_an_integral():
    model = aezoo.variational_autoencoder(
        (3, 2, 1), latent_dim=1, hidden_units=(8,), activation="tanh"
    )
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    decoder.set_weights([2 * w for w in decoder.get_weights()])
    # A fixed proposal, wider than any posterior, keeps the weights from running away.
    for name, bias in (("z_mean", 0.3), ("z_log_var", math.log(1.5))):
        kernel, _ = encoder.get_layer(name).get_weights()
        encoder.get_layer(name).set_weights([0 * kernel, np.array([bias])])
    x = np.random.default_rng(0).integers(0, 2, (6, 3, 2, 1))

    z = np.linspace(-9, 9, 4001)
    p = decoder.predict(z[:, np.newaxis], batch_size=1000, verbose=0).astype("float64")
    p, pixels = p.reshape(-1, 1, 6), x.reshape(6, 6)
    likelihood = np.where(pixels == 1, p, 1 - p).prod(axis=2)  # (z, image)
    prior = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    proposal = np.exp(-0.5 * (z - 0.3) ** 2 / 1.5) / math.sqrt(2 * math.pi * 1.5)
    joint = likelihood * prior[:, np.newaxis]
    evidence = np.trapezoid(joint, z, axis=0)
    squared_weights = np.trapezoid(joint**2 / proposal[:, np.newaxis], z, axis=0)
    relative_variance = squared_weights / evidence**2 - 1

    draws = 20_000
    found = aezoo.log_likelihood(model, x, num_samples=draws, seed=0)
    errors = np.abs(found - np.log(evidence))
    assert (errors < 5 * np.sqrt(relative_variance / draws)).all()
    named = aezoo.log_likelihood(
        model, x, num_samples=draws, nll=aezoo.bernoulli_nll, seed=0
    )
    np.testing.assert_allclose(found, named, atol=1e-4)


def test_nothing_overflows_where_a_likelihood_is_far_below_float32():
    model = aezoo.variational_autoencoder((100, 100), latent_dim=2)
    x = np.ones((2, 100, 100))
    found = aezoo.log_likelihood(model, x, num_samples=10, seed=0)
    assert np.isfinite(found).all() and (found < -3000).all()


@pytest.mark.parametrize("batch_size", [1, 7, 64, 100_000])
def test_the_batch_bounds_the_work_and_not_the_result(linear_gaussian, batch_size):
    x, _, model = linear_gaussian
    batches = []

    def counting_nll(y_true, y_pred):
        batches.append(len(y_pred))
        return gaussian_nll(y_true, y_pred)

    x, num_samples = x[:5], 30
    found = aezoo.log_likelihood(
        model,
        x,
        num_samples=num_samples,
        nll=counting_nll,
        batch_size=batch_size,
        seed=0,
    )
    assert max(batches) <= batch_size and sum(batches) == 5 * num_samples
    assert len(batches) <= 5 * num_samples / batch_size + 5  # and it is made use of
    reference = aezoo.log_likelihood(
        model, x, num_samples=num_samples, nll=gaussian_nll, seed=0
    )
    np.testing.assert_allclose(found, reference, atol=1e-4)


def test_the_seed_repeats_the_draws():
    model = aezoo.variational_autoencoder((4,), latent_dim=2)
    x = np.eye(4)

    def estimate(seed=None):
        return aezoo.log_likelihood(model, x, num_samples=3, seed=seed)

    np.testing.assert_array_equal(estimate(seed=1), estimate(seed=1))
    assert (estimate(seed=1) != estimate(seed=2)).any()
    keras.utils.set_random_seed(1)
    first = estimate()
    assert (estimate() != first).any()
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(estimate(), first)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"x": np.full((2, 4), np.nan)}, "x from"),
        ({"x": np.full((2, 4), np.inf), "nll": gaussian_nll}, "x from"),
        ({"x": np.full((2, 4), 0.5)}, "x from"),
        ({"x": np.full((2, 4), 255)}, "x from"),
        ({"x": np.zeros((2, 5))}, "x.shape="),
        ({"x": np.zeros(4)}, "x.shape="),
        ({"x": np.zeros((0, 4))}, "x.shape="),
        ({"num_samples": 0}, "num_samples="),
        ({"num_samples": 2.5}, "num_samples="),
        ({"batch_size": 0}, "batch_size="),
        ({"nll": lambda y_true, y_pred: 0.0}, "nll="),
        ({"model": aezoo.undercomplete_autoencoder((4,))}, "model="),
    ],
)
def test_log_likelihood_refuses_what_it_cannot_judge(arguments, received):
    defaults = {
        "model": aezoo.variational_autoencoder((4,), latent_dim=2),
        "x": np.zeros((2, 4)),
        "num_samples": 2,
    }
    with pytest.raises(ValueError, match=rf"must .*\. Received: .*{received}"):
        aezoo.log_likelihood(**{**defaults, **arguments})


def test_a_sparse_matrix_is_refused_in_words():
    model = aezoo.variational_autoencoder((4,), latent_dim=2)
    x = sparse.csr_matrix(np.eye(4))
    with pytest.raises(ValueError, match=r"dense.*\. Received: x of type csr_matrix"):
        aezoo.log_likelihood(model, x)


# ------------------------------------------------------------- beta while training


BUILDERS = [
    aezoo.variational_autoencoder,
    aezoo.convolutional_variational_autoencoder,
]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("sampling", [GaussianSampling, aezoo.ConditionalSampling])
def test_a_beta_that_is_no_price_is_refused(sampling, value):
    layer = sampling(2.0)
    for refused in (sampling, lambda beta: setattr(layer, "beta", beta)):
        with pytest.raises(ValueError, match=r"must be .*\. Received: beta="):
            refused(value)
    assert layer.beta == 2.0


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_callback_anneals_beta_as_models_built_anew_would(build, jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("compiling takes PyTorch a compiler that is not everywhere")
    x = np.random.default_rng(0).integers(0, 2, (64, 6, 5, 1)).astype("float32")
    schedule = [0.0, 0.3, 2.0]
    options = {"batch_size": 16, "shuffle": False, "verbose": 0}

    def compiled(beta):
        # The noise is the same in every step, so that nothing else differs.
        model = build(x.shape[1:], latent_dim=3, beta=beta)
        model.compile(
            keras.optimizers.SGD(1e-3),
            loss=aezoo.bernoulli_nll,
            jit_compile=jit_compile,
        )
        return model

    def restart(model):
        model.get_layer("z").seed_generator.state.assign([1, 2])

    first = compiled(beta=7.0)
    z_mean = first.get_layer("encoder").get_layer("z_mean")
    z_mean.set_weights([z_mean.get_weights()[0], np.ones(3)])  # a KL worth its price
    weights = first.get_weights()

    def begin(epoch, logs=None):
        first.get_layer("z").beta = schedule[epoch]
        restart(first)

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    annealed = first.fit(x, x, epochs=3, callbacks=[callback], **options)

    anew = []
    for beta in schedule:
        model = compiled(beta)
        model.set_weights(weights)
        restart(model)
        anew += model.fit(x, x, **options).history["loss"]
        weights = model.get_weights()
    np.testing.assert_allclose(annealed.history["loss"], anew, rtol=1e-5)
    assert np.ptp(anew) > 1


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="elsewhere it can be set at any time"
)
def test_beta_refuses_to_be_set_where_that_would_be_lost():
    x = np.zeros((8, 4))
    model = aezoo.variational_autoencoder((4,), latent_dim=2)
    model.compile("adam", loss=aezoo.bernoulli_nll)

    def begin(batch, logs=None):
        model.get_layer("z").beta = 4.0

    callback = keras.callbacks.LambdaCallback(on_train_batch_begin=begin)
    with pytest.raises(ValueError, match=r"between epochs\. Received: beta="):
        model.fit(x, x, batch_size=4, callbacks=[callback], verbose=0)


@pytest.mark.parametrize("build", BUILDERS)
def test_beta_is_saved_and_weights_leave_it_alone(build, tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (32, 5, 3, 2)).astype("float32")
    model = build((5, 3, 2), latent_dim=2)
    model.compile("adam", loss=aezoo.bernoulli_nll)
    model.fit(x, x, verbose=0)
    model.get_layer("z").beta = 0.3
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("z").beta == 0.3
    codes = np.zeros((1, 2), "float32")
    for each in (model, loaded):
        each.get_layer("z")(codes + 1, codes)  # a KL of 1
        assert float(each.get_layer("z").losses[0]) == pytest.approx(0.3)
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(loaded.fit(x, x, verbose=0).history["loss"]).all()

    model.save_weights(tmp_path / "model.weights.h5")
    other = build((5, 3, 2), latent_dim=2, beta=4.0)
    other.set_weights(model.get_weights())
    other.load_weights(tmp_path / "model.weights.h5")
    assert other.get_layer("z").beta == 4.0
    assert model.count_params() == sum(w.size for w in model.get_weights())


# ----------------------------------------------------------- inputs of any size


@pytest.mark.parametrize("largest", [255, 1e4, 1e6])
def test_no_pixel_is_so_large_that_a_new_model_gives_nan(largest):
    x = np.random.default_rng(0).integers(0, 256, (32, 12, 12, 1)) * (largest / 255)
    model = aezoo.variational_autoencoder((12, 12, 1), latent_dim=5, hidden_units=(64,))
    model.compile("adam", loss=aezoo.squared_error)
    z_log_var = model.get_layer("encoder").predict(x, verbose=0)[1]
    assert z_log_var.max() > 90  # so that the variance is infinite in float32
    assert np.isfinite(model.evaluate(x, x, verbose=0))
    assert np.isfinite(model.fit(x, x, epochs=2, verbose=0).history["loss"]).all()
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_one_outlier_does_not_ruin_the_training_for_good():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(1024, 6)) @ rng.normal(size=(6, 42))
    table = (table / table.std(axis=0)).astype("float32")
    spoiled = table.copy()
    spoiled[17, 5] = 300.0

    def loss_of_the_rest(x):
        keras.utils.set_random_seed(0)
        model = aezoo.variational_autoencoder(
            (42,), latent_dim=6, hidden_units=(64,), output_activation=None
        )
        model.compile(keras.optimizers.Adam(3e-3), loss=aezoo.gaussian_nll)
        model.fit(x, x, epochs=30, verbose=0)
        rest = np.delete(table, 17, axis=0)
        return model.evaluate(rest, rest, verbose=0)

    untrained = 42 * (0.5 + 0.5 * math.log(2 * math.pi))
    clean, after = loss_of_the_rest(table), loss_of_the_rest(spoiled)
    assert after - clean < 0.25 * (untrained - clean)


@pytest.mark.one_backend
def test_both_files_hold_the_same_sampling_layer():
    modules = [inspect.getmodule(build) for build in BUILDERS]
    first, second = (inspect.getsource(m.GaussianSampling) for m in modules)
    assert first == second
