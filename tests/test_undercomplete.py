"""A nonlinear bottleneck follows curves that no plane of its size can follow."""

import keras
import numpy as np
import pytest

import aezoo


@pytest.fixture(scope="module")
def arc():
    angle = np.random.default_rng(0).uniform(-2.0, 2.0, 500)
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype("float32")


def test_one_number_describes_an_arc_far_better_than_one_component(arc):
    centred = arc - arc.mean(axis=0)
    pca_error = np.linalg.svd(centred)[1][1] ** 2 / len(arc)  # the component left out

    model = aezoo.undercomplete_autoencoder(
        (2,),
        latent_dim=1,
        hidden_units=(32, 32),
        activation="tanh",
        output_activation=None,
    )
    model.compile(keras.optimizers.Adam(5e-3), loss=aezoo.squared_error)
    model.fit(arc, arc, batch_size=50, epochs=100, verbose=0)
    error = model.evaluate(arc, arc, verbose=0)
    assert error < pca_error / 10


def test_the_decoder_mirrors_the_encoder():
    model = aezoo.undercomplete_autoencoder(
        (4, 5, 1), latent_dim=3, hidden_units=(12, 8)
    )
    shapes = [tuple(w.shape) for w in model.trainable_weights if len(w.shape) == 2]
    assert shapes == [(20, 12), (12, 8), (8, 3), (3, 8), (8, 12), (12, 20)]


def test_without_hidden_layers_the_code_is_an_affine_map():
    model = aezoo.undercomplete_autoencoder((5,), latent_dim=2, hidden_units=())
    encoder = model.get_layer("encoder")
    x = np.random.default_rng(0).random((2, 5)).astype("float32")
    middle = encoder.predict(x.mean(axis=0, keepdims=True), verbose=0)
    ends = encoder.predict(x, verbose=0)
    np.testing.assert_allclose(middle[0], ends.mean(axis=0), atol=1e-6)


def test_the_output_activation_sets_the_range():
    x = np.random.default_rng(0).normal(0, 20, (50, 6)).astype("float32")
    bounded = aezoo.undercomplete_autoencoder((6,)).predict(x, verbose=0)
    assert 0 <= bounded.min() and bounded.max() <= 1
    free = aezoo.undercomplete_autoencoder((6,), output_activation=None)
    assert free.predict(x, verbose=0).min() < 0
