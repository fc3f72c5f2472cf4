"""The contraction is the exact squared Jacobian, at hardly any extra cost."""

import statistics
import time

import keras
import numpy as np
import pytest

import aezoo


def jacobian(encoder, x):
    """Exact derivatives of each example's codes, by automatic differentiation.

    Shape (batch, latent_dim, *input_shape).
    """
    if keras.backend.backend() == "jax":
        import jax

        variables = (
            [v.value for v in encoder.trainable_variables],
            [v.value for v in encoder.non_trainable_variables],
        )

        def codes(example):
            return encoder.stateless_call(*variables, example[None])[0][0]

        return np.asarray(jax.vmap(jax.jacrev(codes))(x))
    if keras.backend.backend() == "torch":
        import torch

        each = [
            torch.autograd.functional.jacobian(encoder, torch.tensor(x[i : i + 1]))
            for i in range(len(x))
        ]
        return np.stack([derivative[0, :, 0].numpy() for derivative in each])
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        codes = encoder(x)
    return tape.batch_jacobian(codes, x).numpy()


def build(input_shape, **arguments):
    """A model with weights of the size that training gives, and with biases."""
    model = aezoo.contractive_autoencoder(input_shape, **arguments)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def penalty(model, x):
    """What the model adds to the reconstruction error of one batch."""
    encoder = model.get_layer("encoder")
    encoder(x)
    (loss,) = encoder.losses
    return float(loss)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("input_shape", [(7,), (3, 4, 2)], ids=str)
def test_the_penalty_is_the_exact_squared_jacobian(input_shape, activation):
    model = build(input_shape, latent_dim=5, activation=activation, strength=0.3)
    x = np.random.default_rng(1).random((6, *input_shape)).astype("float32")
    derivatives = jacobian(model.get_layer("encoder"), x).astype("float64")
    assert derivatives.shape == (6, 5, *input_shape)
    expected = 0.3 * np.square(derivatives).reshape(6, -1).sum(axis=1).mean()
    assert penalty(model, x) == pytest.approx(expected, rel=1e-5)


def test_it_does_not_depend_on_the_size_of_the_batch():
    model = build((9,), latent_dim=5)
    x = np.random.default_rng(1).random((4, 9)).astype("float32")
    expected = np.mean([penalty(model, example[None]) for example in x])
    assert penalty(model, x) == pytest.approx(expected, rel=1e-5)
    assert penalty(model, np.tile(x, (10, 1))) == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_the_error_plus_the_penalty():
    model = build((9,), latent_dim=5, strength=2.0)
    x = np.random.default_rng(1).random((16, 9)).astype("float32")
    model.compile("adam", loss=aezoo.squared_error, metrics=[aezoo.squared_error])
    loss, error = model.evaluate(x, x, batch_size=16, verbose=0)
    assert loss - error == pytest.approx(penalty(model, x), rel=1e-4)


def test_codes_move_less_under_noise_for_how_far_apart_they_lie():
    rng = np.random.default_rng(0)
    x = rng.dirichlet([0.3, 0.3, 0.3], 500) @ rng.random((3, 40))
    x = x.astype("float32")
    noisy = (x + rng.normal(0, 0.05, x.shape)).astype("float32")

    def movement(strength):
        model = aezoo.contractive_autoencoder((40,), latent_dim=20, strength=strength)
        model.compile(keras.optimizers.Adam(0.01), loss=aezoo.squared_error)
        model.fit(x, x, epochs=15, verbose=0)
        encoder = model.get_layer("encoder")
        codes = encoder.predict(x, verbose=0)
        moved = np.square(encoder.predict(noisy, verbose=0) - codes).sum()
        return moved / np.square(codes - codes.mean(axis=0)).sum()

    assert movement(strength=0.1) < movement(strength=0.0)


@pytest.mark.parametrize("activation", ["relu", None, keras.activations.sigmoid])
def test_an_activation_without_the_closed_form_is_refused(activation):
    with pytest.raises(
        ValueError, match=r"`activation` must be .*Received: activation="
    ):
        aezoo.contractive_autoencoder((9,), activation=activation)


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_no_price_is_refused(strength):
    with pytest.raises(ValueError, match=r"must be .*\. Received: strength="):
        aezoo.contractive_autoencoder((9,), strength=strength)


def test_the_strength_cannot_be_changed_where_nothing_would_notice():
    with pytest.raises(AttributeError, match="strength"):
        aezoo.ContractiveDense(3).strength = 4.0


def test_a_step_costs_less_than_half_as_much_again_as_a_plain_one():
    contractive = aezoo.contractive_autoencoder((784,), latent_dim=1000)
    plain = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(1000, "sigmoid"),
            keras.layers.Dense(784, "sigmoid"),
        ]
    )
    x = np.random.default_rng(0).random((128, 784)).astype("float32")
    seconds = {contractive: [], plain: []}
    for model in seconds:
        model.compile("adam", loss=aezoo.squared_error)
    # Step about, so that whatever else the computer does slows both alike.
    for _ in range(33):
        for model, times in seconds.items():
            start = time.perf_counter()
            model.train_on_batch(x, x)
            times.append(time.perf_counter() - start)
    # The first steps compile.
    medians = [statistics.median(times[3:]) for times in seconds.values()]
    assert medians[0] < 1.5 * medians[1]
