"""The stacked autoencoder: mirrored layers under the names that pretraining pairs."""

import keras
import numpy as np
import pytest

import aezoo


def layers_of(model, side):
    return [layer.name for layer in model.get_layer(side).layers[1:]]


def test_mirrors_carry_the_number_and_the_size_of_their_layer():
    model = aezoo.stacked_autoencoder(
        (4, 5, 1), latent_dim=np.int64(3), hidden_units=np.array([12, 8])
    )
    assert layers_of(model, "encoder") == ["flatten", "hidden_1", "hidden_2", "codes"]
    names = ["mirror_2", "mirror_1", "pixels", "reconstruction"]
    assert layers_of(model, "decoder") == names
    for number, units in enumerate([12, 8], start=1):
        for side, name in (("encoder", "hidden"), ("decoder", "mirror")):
            layer = model.get_layer(side).get_layer(f"{name}_{number}")
            assert layer.units == units
    kernels = [tuple(w.shape) for w in model.weights if len(w.shape) == 2]
    assert kernels == [(20, 12), (12, 8), (8, 3), (3, 8), (8, 12), (12, 20)]


def test_the_code_is_linear_and_the_hidden_layers_are_not():
    model = aezoo.stacked_autoencoder(
        (5,), latent_dim=2, hidden_units=(4,), activation="sigmoid"
    )
    activations = {
        layer.name: keras.activations.serialize(layer.activation)
        for side in ("encoder", "decoder")
        for layer in model.get_layer(side).layers
        if isinstance(layer, keras.layers.Dense)
    }
    sigmoid = dict.fromkeys(("hidden_1", "mirror_1", "pixels"), "sigmoid")
    assert activations == {**sigmoid, "codes": "linear"}


def test_dropout_is_active_in_training_only():
    x = np.random.default_rng(0).random((40, 5)).astype("float32")
    with_dropout, without = (
        aezoo.stacked_autoencoder(
            (5,), latent_dim=3, hidden_units=(6, 4), dropout=dropout
        )
        for dropout in (0.5, 0.0)
    )
    without.set_weights(with_dropout.get_weights())
    np.testing.assert_array_equal(
        with_dropout.predict(x, verbose=0), without.predict(x, verbose=0)
    )
    first, second = (
        keras.ops.convert_to_numpy(with_dropout(x, training=True)) for _ in range(2)
    )
    assert (first != second).any()
    # Behind each hidden layer of either side.
    assert layers_of(with_dropout, "encoder")[2:5:2] == [
        "hidden_dropout_1",
        "hidden_dropout_2",
    ]
    assert layers_of(with_dropout, "decoder")[1:4:2] == [
        "mirror_dropout_2",
        "mirror_dropout_1",
    ]


@pytest.mark.one_backend
@pytest.mark.parametrize("dropout", [-0.1, 1.1, np.nan])
def test_a_dropout_that_is_no_fraction_is_refused(dropout):
    with pytest.raises(ValueError, match="rate"):
        aezoo.stacked_autoencoder((5,), hidden_units=(4,), dropout=dropout)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ({"latent_dim": 0}, ValueError),
        ({"hidden_units": (4, -1)}, ValueError),
        ({"hidden_units": (2.5,)}, TypeError),
        ({"latent_dim": 2.5}, TypeError),
    ],
)
def test_sizes_that_are_no_positive_integers_are_refused(sizes, error):
    with pytest.raises(error, match="integer"):
        aezoo.stacked_autoencoder((5,), **sizes)
