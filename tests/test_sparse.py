"""Each sparsity is the formula in its paper, whatever the size of the batch."""

import keras
import numpy as np
import pytest
from keras import ops

import aezoo
from aezoo import KLSparsity, L1Sparsity, TopK


def added_loss(layer, codes):
    layer(ops.convert_to_tensor(codes, "float32"))
    (loss,) = layer.losses
    return loss


def kl_divergence(target, rho):
    """KL between coins with these probabilities of heads, in double precision."""
    rho = np.asarray(rho, "float64")
    heads = target * np.log(target / rho)
    return heads + (1 - target) * np.log((1 - target) / (1 - rho))


def trained_mean_activation(strength):
    x = np.random.default_rng(0).random((200, 20)).astype("float32")
    model = aezoo.sparse_autoencoder(
        (20,), latent_dim=30, sparsity=KLSparsity(strength, target=0.1)
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
def test_kl_and_its_gradient_are_finite_for_units_stuck_at_an_end(activation, gradient):
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


def test_top_k_passes_gradient_only_through_what_it_keeps(gradient):
    rng = np.random.default_rng(0)
    codes, weights = rng.normal(size=(2, 5, 10)).astype("float32")
    layer = TopK(4)
    slope = gradient(
        lambda x: ops.sum(ops.multiply(layer(x, training=True), weights)), codes
    )
    rank = np.argsort(np.argsort(-codes, axis=1), axis=1)
    np.testing.assert_array_equal(slope, np.where(rank < 4, weights, 0))


@pytest.mark.parametrize("factor, kept", [(1.0, 4), (2.0, 8), (0.6, 2)])
def test_after_training_alpha_k_units_are_kept(factor, kept):
    model = aezoo.sparse_autoencoder(
        (9,), latent_dim=10, sparsity=TopK(4, inference_factor=factor)
    )
    x = np.random.default_rng(0).random((20, 9)).astype("float32")
    encoder = model.get_layer("encoder")
    for codes, expected in [
        (encoder.predict(x, verbose=0), kept),
        (ops.convert_to_numpy(encoder(x, training=True)), 4),
    ]:
        assert ((codes != 0).sum(axis=1) == expected).all()


@pytest.mark.parametrize(
    ("sparsity", "lowest", "highest"),
    [
        (KLSparsity(), 0, 1),
        (L1Sparsity(), 0, np.inf),
        (TopK(10), -np.inf, np.inf),
        (keras.layers.ActivityRegularization(l1=0.1), -1, 1),
        (None, -1, 1),
    ],
    ids=["kl", "l1", "top_k", "another layer", "none"],
)
def test_the_layer_says_which_units_the_code_has(sparsity, lowest, highest):
    model = aezoo.sparse_autoencoder(
        (9,), latent_dim=10, sparsity=sparsity, activation="tanh"
    )
    codes = model.get_layer("encoder").predict(
        np.random.default_rng(0).normal(0, 20, (50, 9)), verbose=0
    )
    assert lowest <= codes.min() and codes.max() <= highest
    if lowest < 0:
        assert codes.min() < 0
    if highest > 1:
        assert codes.max() > 1


def test_models_given_one_layer_do_not_share_it():
    layer = KLSparsity()
    first, second = (
        aezoo.sparse_autoencoder((9,), sparsity=layer)
        .get_layer("encoder")
        .get_layer("sparsity")
        for _ in range(2)
    )
    assert len({id(first), id(second), id(layer)}) == 3


def test_none_is_no_penalty():
    x = np.random.default_rng(0).random((16, 9)).astype("float32")
    model = aezoo.sparse_autoencoder((9,), sparsity=None)
    model.compile("adam", loss=aezoo.squared_error, metrics=[aezoo.squared_error])
    loss, error = model.evaluate(x, x, verbose=0)
    assert loss == pytest.approx(error)


def test_each_unit_adds_a_vector_of_length_1():
    x = 10 * np.random.default_rng(0).random((64, 4, 5)).astype("float32")
    model = aezoo.sparse_autoencoder(
        (4, 5),
        latent_dim=30,
        sparsity=TopK(3),
        output_activation=None,
        decoder_constraint=keras.constraints.UnitNorm(axis=1),
    )
    model.compile(keras.optimizers.Adam(0.1), loss=aezoo.squared_error)
    model.fit(x, x, epochs=2, verbose=0)

    decoder = model.get_layer("decoder")
    one_unit_on = decoder.predict(np.eye(30), verbose=0)
    nothing_on = decoder.predict(np.zeros((1, 30)), verbose=0)
    added = (one_unit_on - nothing_on).reshape(30, 20)
    np.testing.assert_allclose(np.linalg.norm(added, axis=1), 1.0, atol=1e-5)
    kernel, _ = model.get_layer("encoder").get_layer("codes").get_weights()
    assert np.ptp(np.linalg.norm(kernel, axis=0)) > 0.01  # the encoder is left alone


@pytest.mark.parametrize("penalty", ["l1", "kl", "top_k"])
def test_the_loss_is_error_plus_strength_times_penalty_plus_weight_decay(penalty):
    x = np.random.default_rng(0).random((16, 4, 5)).astype("float32")
    sparsity = {"l1": L1Sparsity(0.7), "kl": KLSparsity(0.7, 0.2), "top_k": TopK(3)}
    model = aezoo.sparse_autoencoder(
        (4, 5),
        latent_dim=30,
        hidden_units=(8,),
        sparsity=sparsity[penalty],
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


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("layer", [L1Sparsity, KLSparsity])
def test_a_strength_that_is_no_price_is_refused(layer, strength):
    with pytest.raises(ValueError, match=r"must be .*\. Received: strength="):
        layer(strength)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 7.0, float("nan")])
def test_a_target_that_no_sigmoid_has_is_refused(target):
    with pytest.raises(ValueError, match=r"must be .*\. Received: target="):
        KLSparsity(target=target)


@pytest.mark.parametrize(
    "arguments",
    [(0,), (-1,), (9,)] + [(4, f) for f in (0.0, 0.2, 2.1, -1.0, float("nan"))],
)
def test_what_does_not_fit_eight_units_is_refused(arguments):
    with pytest.raises(ValueError, match=r"must be .*\. Received: k="):
        aezoo.sparse_autoencoder((9,), latent_dim=8, sparsity=TopK(*arguments))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (L1Sparsity(), "strength"),
        (KLSparsity(), "strength"),
        (KLSparsity(), "target"),
        (TopK(3), "k"),
        (TopK(3), "inference_factor"),
    ],
)
def test_a_setting_cannot_be_changed_where_nothing_would_notice(layer, name):
    with pytest.raises(AttributeError, match=name):
        setattr(layer, name, 0.5)


def test_k_may_be_any_integer_and_no_fraction():
    assert TopK(np.int64(3)).k == 3
    with pytest.raises(TypeError):
        TopK(2.5)
