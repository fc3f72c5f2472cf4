"""Each sparsity is the formula in its paper, whatever the size of the batch."""

import keras
import numpy as np
import pytest
from keras import ops

import aezoo
from aezoo.sparse import KLSparsity, L1Sparsity, TopK


def added_loss(layer, codes):
    layer(ops.convert_to_tensor(codes, "float32"))
    (loss,) = layer.losses
    return loss


def gradient(function, x):
    """Gradient of a scalar function by the backend's own automatic differentiation."""
    x = ops.convert_to_tensor(x, "float32")
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x).numpy()


def kl_divergence(target, rho):
    """KL between coins with these probabilities of heads, in double precision."""
    rho = np.asarray(rho, "float64")
    heads = target * np.log(target / rho)
    return heads + (1 - target) * np.log((1 - target) / (1 - rho))


def trained_mean_activation(strength):
    x = np.random.default_rng(0).random((200, 20)).astype("float32")
    model = aezoo.sparse_autoencoder(
        (20,), latent_dim=30, target=0.1, strength=strength, seed=0
    )
    model.compile(keras.optimizers.Adam(0.02), loss=aezoo.squared_error)
    model.fit(x, x, batch_size=100, epochs=40, verbose=0)
    return model.get_layer("encoder").predict(x, verbose=0).mean(axis=0)


def test_l1_is_the_mean_over_the_batch_of_the_summed_absolute_code():
    codes = np.random.default_rng(0).normal(size=(7, 12))
    expected = 0.3 * np.abs(codes).sum(axis=1).mean()
    assert float(added_loss(L1Sparsity(0.3), codes)) == pytest.approx(
        expected, rel=1e-5
    )


def test_kl_is_its_closed_form():
    codes = np.random.default_rng(0).uniform(0.01, 0.9, size=(7, 12))
    expected = 0.3 * kl_divergence(0.05, codes.mean(axis=0)).sum()
    loss = added_loss(KLSparsity(0.3, target=0.05), codes)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_kl_is_zero_where_each_unit_meets_the_target():
    # Each unit is on for one example in four, though no example has one unit in four.
    codes = np.repeat([[0.0], [0.0], [0.0], [1.0]], 5, axis=1)
    loss = added_loss(KLSparsity(1.0, target=0.25), codes)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("penalty", ["l1", "kl"])
def test_penalties_grow_with_the_units_and_not_with_the_batch(penalty):
    layer = L1Sparsity(1.0) if penalty == "l1" else KLSparsity(1.0, target=0.05)
    codes = np.random.default_rng(0).uniform(0.1, 0.9, size=(8, 6))
    once = float(added_loss(layer, codes))
    larger_batch = float(added_loss(layer, np.tile(codes, (10, 1))))
    assert larger_batch == pytest.approx(once, rel=1e-5)
    more_units = float(added_loss(layer, np.tile(codes, (1, 10))))
    assert more_units == pytest.approx(10 * once, rel=1e-5)


@pytest.mark.parametrize("activation", [0.0, 1.0])
def test_kl_and_its_gradient_are_finite_for_units_stuck_at_an_end(activation):
    layer = KLSparsity(1.0, target=0.05)
    codes = np.full((4, 3), activation)
    assert 0 < float(added_loss(layer, codes)) < np.inf
    assert np.isfinite(gradient(lambda x: added_loss(layer, x), codes)).all()
    # As in the model, where these codes are sigmoids of far too large numbers.
    logits = np.full((4, 3), 1e3 if activation else -1e3)
    slope = gradient(lambda x: added_loss(layer, ops.sigmoid(x)), logits)
    assert np.isfinite(slope).all()


def test_kl_brings_each_unit_to_the_target():
    np.testing.assert_allclose(trained_mean_activation(10.0), 0.1, atol=0.03)
    assert (trained_mean_activation(0.0) > 0.2).all()


@pytest.mark.parametrize("k", [1, 3, 10])
def test_top_k_keeps_the_k_largest_as_they_are(k):
    codes = np.random.default_rng(0).normal(size=(50, 10)).astype("float32")
    kept = ops.convert_to_numpy(TopK(k)(codes, training=True))
    threshold = np.sort(codes, axis=1)[:, -k][:, None]
    np.testing.assert_array_equal(kept, np.where(codes >= threshold, codes, 0))


def test_top_k_keeps_exactly_k_of_equal_codes():
    codes = np.array([[1.0] * 8, [-1.0] * 8, [2, 1, 1, 1, 1, 1, 0.5, 0.5]])
    kept = ops.convert_to_numpy(TopK(3)(codes, training=True))
    assert (kept != 0).sum(axis=1).tolist() == [3, 3, 3]
    assert kept[2].sum() == 4


def test_top_k_passes_gradient_only_through_what_it_keeps():
    rng = np.random.default_rng(0)
    codes, weights = rng.normal(size=(2, 5, 10)).astype("float32")
    layer = TopK(4)
    slope = gradient(lambda x: ops.sum(layer(x, training=True) * weights), codes)
    rank = np.argsort(np.argsort(-codes, axis=1), axis=1)
    np.testing.assert_array_equal(slope, np.where(rank < 4, weights, 0))


@pytest.mark.parametrize("factor, kept", [(1.0, 4), (2.0, 8), (0.6, 2)])
def test_after_training_alpha_k_units_are_kept(factor, kept):
    model = aezoo.sparse_autoencoder(
        (9,), latent_dim=10, penalty="top_k", k=4, inference_factor=factor
    )
    x = np.random.default_rng(0).random((20, 9)).astype("float32")
    encoder = model.get_layer("encoder")
    for codes, expected in [
        (encoder.predict(x, verbose=0), kept),
        (ops.convert_to_numpy(encoder(x, training=True)), 4),
    ]:
        assert ((codes != 0).sum(axis=1) == expected).all()


@pytest.mark.parametrize("latent_dim, kept", [(4, 1), (256, 26)])
def test_by_default_a_tenth_of_the_units_is_kept(latent_dim, kept):
    model = aezoo.sparse_autoencoder((9,), latent_dim=latent_dim, penalty="top_k")
    x = np.random.default_rng(0).random((3, 9)).astype("float32")
    codes = model.get_layer("encoder").predict(x, verbose=0)
    assert ((codes != 0).sum(axis=1) == kept).all()


@pytest.mark.parametrize("penalty", ["l1", "kl", "top_k"])
def test_the_loss_is_error_plus_strength_times_penalty_plus_weight_decay(penalty):
    x = np.random.default_rng(0).random((16, 4, 5)).astype("float32")
    model = aezoo.sparse_autoencoder(
        (4, 5),
        latent_dim=30,
        hidden_units=(8,),
        penalty=penalty,
        strength=0.7,
        target=0.2,
        kernel_regularizer=keras.regularizers.L2(0.01),
    )
    model.compile("adam", loss=aezoo.squared_error, metrics=[aezoo.squared_error])
    loss, error = model.evaluate(x, x, batch_size=16, verbose=0)

    codes = model.get_layer("encoder").predict(x, verbose=0)
    if penalty == "l1":
        expected = np.abs(codes).sum(axis=1).mean()
    elif penalty == "kl":
        expected = kl_divergence(0.2, codes.mean(axis=0)).sum()
    else:
        expected = 0.0
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    assert len(kernels) == 4
    decay = 0.01 * sum(np.square(kernel).sum() for kernel in kernels)
    assert loss - error == pytest.approx(0.7 * expected + decay, rel=1e-4)


@pytest.mark.parametrize(
    "argument, value",
    [("penalty", "l2"), ("penalty", None), ("k", 9)]
    + [("inference_factor", value) for value in (0.0, 0.2, 2.1, -1.0, float("nan"))],
)
def test_what_does_not_fit_eight_units_is_refused(argument, value):
    arguments = {"penalty": "top_k", "k": 4, argument: value}
    with pytest.raises(ValueError, match=rf"must be .*Received: .*{argument}="):
        aezoo.sparse_autoencoder((9,), latent_dim=8, **arguments)
