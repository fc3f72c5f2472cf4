"""Contrastive divergence against machines so small that every state is enumerated."""

import itertools

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

import aezoo

KINDS = [
    ("bernoulli", "bernoulli"),
    ("gaussian", "bernoulli"),
    ("bernoulli", "gaussian"),
]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def binary(units):
    return np.array(list(itertools.product([0.0, 1.0], repeat=units)))


def machine(visible="bernoulli", hidden="bernoulli", **settings):
    """A machine of three visible and two hidden units, and its weights."""
    model = aezoo.restricted_boltzmann_machine(
        (3,), latent_dim=2, visible=visible, hidden=hidden, **settings
    )
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=s).astype("float32") for s in [(3, 2), (3,), (2,)]]
    model.get_layer("rbm").set_weights(weights)
    return model, weights


def data(visible, count=3):
    rng = np.random.default_rng(2)
    return (
        rng.integers(0, 2, (count, 3))
        if visible == "bernoulli"
        else rng.normal(size=(count, 3))
    )


def energy(v, h, weights, visible, hidden):
    kernel, b, c = weights
    own_v = -v @ b if visible == "bernoulli" else np.square(v - b).sum(-1) / 2
    own_h = -h @ c if hidden == "bernoulli" else np.square(h - c).sum(-1) / 2
    return own_v + own_h - np.einsum("...i,ij,...j", v, kernel, h)


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_the_free_energy_sums_over_all_hidden_states(visible, hidden):
    model, weights = machine(visible, hidden)
    weights = [w.astype("float64") for w in weights]
    v = np.random.default_rng(3).random((5, 3))
    if hidden == "bernoulli":
        h, volume = binary(2), 1.0
    else:  # an integral over a fine grid, without the constant that is left out
        axis = np.linspace(-12, 12, 481)
        h = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        volume = (axis[1] - axis[0]) ** 2 / (2 * np.pi)
    total = np.exp(-energy(v[:, None], h, weights, visible, hidden)).sum(1) * volume
    free_energy = convert_to_numpy(model.get_layer("rbm").free_energy(v))
    np.testing.assert_allclose(free_energy, -np.log(total), rtol=1e-5, atol=1e-5)


def states(kind, mean):
    """Every state of the units, or the nodes of a quadrature, and its probability."""
    if kind == "bernoulli":
        states = binary(len(mean))
        return states, np.where(states == 1, mean, 1 - mean).prod(axis=1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    grid = np.array(list(itertools.product(nodes, repeat=len(mean))))
    products = np.array(list(itertools.product(weights, repeat=len(mean))))
    return mean + grid, products.prod(axis=1) / weights.sum() ** len(mean)


def statistics(v, weights, hidden):
    """<v h>, <v> and <h> of each row of v, with the mean of h in the place of h."""
    kernel, _, c = weights
    h = c + v @ kernel
    h = sigmoid(h) if hidden == "bernoulli" else h
    return np.column_stack([(v[:, :, None] * h[:, None]).reshape(len(v), -1), v, h])


def one_step(v, weights, visible, hidden, sample_visible):
    """Mean and variance of the statistics after one step of Gibbs sampling from v."""
    kernel, b, c = weights
    field = c + v @ kernel
    h, h_weights = states(hidden, sigmoid(field) if hidden == "bernoulli" else field)
    v_mean = b + h @ kernel.T
    v_mean = sigmoid(v_mean) if visible == "bernoulli" else v_mean
    samples, probabilities = v_mean, h_weights
    if sample_visible:
        drawn = [states(visible, mean) for mean in v_mean]
        samples = np.concatenate([s for s, _ in drawn])
        probabilities = np.concatenate(
            [w * p for w, (_, p) in zip(h_weights, drawn, strict=True)]
        )
    values = statistics(samples, weights, hidden)
    mean = probabilities @ values
    return mean, probabilities @ np.square(values - mean)


def gradient(model, x):
    """The gradient that one step of descent follows, flat: kernel and both biases."""
    rbm = model.get_layer("rbm")
    before = rbm.get_weights()
    model.compile(keras.optimizers.SGD(1.0))
    model.fit(x, batch_size=len(x), verbose=0)
    change = [b - a for b, a in zip(before, rbm.get_weights(), strict=True)]
    return np.concatenate([np.ravel(c) for c in change])


@pytest.mark.parametrize("sample_visible", [True, False])
@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_the_expected_gradient_is_that_of_contrastive_divergence(
    visible, hidden, sample_visible
):
    chains = 20_000  # for each of the examples
    model, weights = machine(visible, hidden, sample_visible=sample_visible)
    weights = [w.astype("float64") for w in weights]
    x = data(visible)
    positive = statistics(x, weights, hidden).mean(axis=0)
    steps = [one_step(v, weights, visible, hidden, sample_visible) for v in x]
    negative = np.mean([mean for mean, _ in steps], axis=0)
    variance = np.mean([variance for _, variance in steps], axis=0)
    measured = gradient(model, np.repeat(x, chains, axis=0))
    error = np.abs(measured - (negative - positive))
    assert (error < 5 * np.sqrt(variance / (chains * len(x))) + 1e-5).all()


def certain_gradient(model, weights):
    """The gradient where each v' is 1, 0, 1 for certain, and what it should be."""
    weights[1] = np.array([40.0, -40.0, 40.0], "float32")
    model.get_layer("rbm").set_weights(weights)
    x = np.random.default_rng(4).random((7, 3))
    positive = statistics(x, weights, "bernoulli").mean(axis=0)
    negative = statistics(np.array([[1.0, 0.0, 1.0]]), weights, "bernoulli")[0]
    return gradient(model, x), negative - positive


def test_the_gradient_for_a_certain_reconstruction_is_two_outer_products():
    measured, expected = certain_gradient(*machine())
    np.testing.assert_allclose(measured, expected, atol=1e-5)


def test_in_mixed_precision_a_machine_computes_in_full_precision(mixed_precision):
    model, weights = machine()
    measured, expected = certain_gradient(model, weights)
    np.testing.assert_allclose(measured, expected, atol=1e-5)
    rbm, x = model.get_layer("rbm"), data("bernoulli")
    for tensor in (model(x), rbm.visible_mean(rbm.hidden_mean(x)), rbm.free_energy(x)):
        assert keras.backend.standardize_dtype(tensor.dtype) == "float32"


def test_with_many_steps_the_gradient_is_that_of_the_likelihood():
    chains, x = 20_000, data("bernoulli")
    model, weights = machine(steps=8)  # after which this machine is at rest, to 1e-7
    weights = [w.astype("float64") for w in weights]
    v, h = binary(3), binary(2)
    minus_energy = -energy(v[:, None], h, weights, "bernoulli", "bernoulli")
    probabilities = np.exp(minus_energy).sum(axis=1)
    probabilities /= probabilities.sum()
    values = statistics(v, weights, "bernoulli")
    negative = probabilities @ values
    variance = probabilities @ np.square(values - negative)
    positive = statistics(x, weights, "bernoulli").mean(axis=0)
    measured = gradient(model, np.repeat(x, chains, axis=0))
    error = np.abs(measured - (negative - positive))
    assert (error < 5 * np.sqrt(variance / (chains * len(x))) + 1e-5).all()


def bars(size=3):
    """All images of full rows, and all of full columns."""
    lines = binary(size)
    rows = np.repeat(lines[:, :, None], size, axis=2)
    return np.unique(np.concatenate([rows, rows.transpose(0, 2, 1)]), axis=0)


def test_training_makes_the_data_likelier():
    x = bars()
    model = aezoo.restricted_boltzmann_machine((3, 3), latent_dim=8)
    model.compile(keras.optimizers.SGD(0.2, momentum=0.5))
    rbm = model.get_layer("rbm")

    def log_likelihood():
        everything = -convert_to_numpy(rbm.free_energy(binary(9))).astype("float64")
        seen = -convert_to_numpy(rbm.free_energy(x))
        return np.mean(seen) - np.logaddexp.reduce(everything)

    before = log_likelihood()
    model.fit(np.repeat(x, 10, axis=0), batch_size=14, epochs=100, verbose=0)
    assert log_likelihood() > before + 1


def test_images_are_flattened_and_a_saved_machine_goes_on(tmp_path):
    x = np.random.default_rng(0).random((20, 4, 3, 1))
    model = aezoo.restricted_boltzmann_machine(
        (4, 3, 1),
        latent_dim=np.int64(5),
        steps=np.int32(2),
        sample_visible=False,
        kernel_regularizer=keras.regularizers.L2(0.1),
        seed=3,
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5))
    model.fit(x, verbose=0)
    model.save(tmp_path / "machine.keras")
    loaded = keras.saving.load_model(tmp_path / "machine.keras")
    config = loaded.get_layer("rbm").get_config()
    assert config == model.get_layer("rbm").get_config()
    given = {"units": 5, "steps": 2, "sample_visible": False, "seed": 3}
    assert config.items() >= given.items()
    hidden = model.predict(x, verbose=0)
    assert hidden.shape == (20, 5)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), hidden, atol=1e-6)
    rbm = loaded.get_layer("rbm")
    np.testing.assert_allclose(convert_to_numpy(rbm.hidden_mean(x)), hidden, atol=1e-5)
    assert tuple(rbm.visible_mean(hidden).shape) == (20, 12)
    before = rbm.get_weights()[0]
    assert np.isfinite(loaded.fit(x, verbose=0).history["loss"]).all()
    assert (rbm.get_weights()[0] != before).any()
    assert np.isfinite(loaded.evaluate(x, verbose=0))


def test_the_seed_repeats_the_chain():
    def sampled(seed):
        # Equal examples, since their order follows `keras.utils.set_random_seed`.
        return gradient(machine(seed=seed)[0], np.ones((50, 3)))

    np.testing.assert_allclose(sampled(1), sampled(1), atol=1e-6)
    assert np.abs(sampled(1) - sampled(2)).max() > 1e-3


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("settings", "received"),
    [
        ({"units": 0}, "units=0, .*"),
        ({"visible": "banana"}, "visible='banana', .*"),
        ({"hidden": "relu"}, "hidden='relu', .*"),
        (
            {"visible": "gaussian", "hidden": "gaussian"},
            "visible='gaussian', hidden='gaussian', .*",
        ),
        ({"steps": 0}, "steps=0"),
    ],
)
def test_each_bad_setting_of_a_machine_is_refused(settings, received):
    message = rf"must be .*\. Received: .*{received}$"
    with pytest.raises(ValueError, match=message):
        aezoo.BoltzmannMachine(**{"units": 4, **settings})
    with pytest.raises(ValueError, match=message):
        settings = {"latent_dim": settings.pop("units", 4), **settings}
        aezoo.restricted_boltzmann_machine((3,), **settings)


@pytest.mark.one_backend
@pytest.mark.parametrize("setting", ["units", "steps"])
def test_sizes_and_steps_that_are_no_integers_are_refused(setting):
    with pytest.raises(TypeError, match="integer"):
        aezoo.BoltzmannMachine(**{"units": 4, setting: 1.5})


@pytest.mark.parametrize(
    "setting", ["units", "visible", "hidden", "steps", "sample_visible"]
)
def test_the_settings_of_a_machine_are_fixed(setting):
    rbm = aezoo.BoltzmannMachine(4)
    value = getattr(rbm, setting)
    with pytest.raises(AttributeError):
        setattr(rbm, setting, 5)
    assert getattr(rbm, setting) == value == rbm.get_config()[setting]


def deep_model():
    return aezoo.stacked_autoencoder(
        (3, 2), latent_dim=2, hidden_units=(5, 4), activation="sigmoid"
    )


def layer(model, side, name):
    return model.get_layer(side).get_layer(name)


def images(count=40):
    return np.random.default_rng(0).random((count, 3, 2)).astype("float32")


def test_the_unrolled_model_goes_up_and_down_the_machines():
    model, x = deep_model(), images()
    machines = aezoo.pretrain_boltzmann(model, x, epochs=2, verbose=0)
    assert all(type(rbm) is aezoo.BoltzmannMachine for rbm in machines)
    assert [rbm.hidden for rbm in machines] == ["bernoulli", "bernoulli", "gaussian"]
    for rbm in machines:  # so that no bias is overlooked because it is zero
        assert np.abs(rbm.get_weights()[1]).min() > 0
        assert np.abs(rbm.get_weights()[2]).min() > 0
    codes = x
    for rbm in machines:
        codes = convert_to_numpy(rbm.hidden_mean(codes))
    np.testing.assert_allclose(
        model.get_layer("encoder").predict(x, verbose=0), codes, atol=1e-5
    )
    reconstruction = codes
    for rbm in reversed(machines):
        reconstruction = convert_to_numpy(rbm.visible_mean(reconstruction))
    np.testing.assert_allclose(
        model.predict(x, verbose=0), reconstruction.reshape(x.shape), atol=1e-5
    )


@pytest.mark.parametrize("number", [2, 3])
def test_a_machine_learns_from_the_hidden_means_below_it(number):
    # The whole number is a learning rate, too: Keras itself takes floats only.
    model, x, decay, rate = deep_model(), images(), 0.01, 1
    first = layer(model, "encoder", "hidden_1").get_weights()
    codes = sigmoid(x.reshape(len(x), -1) @ first[0].astype("float64") + first[1])
    if number == 3:
        second = layer(model, "encoder", "hidden_2").get_weights()
        codes = sigmoid(codes @ second[0] + second[1])
    down = layer(model, "encoder", {2: "hidden_2", 3: "codes"}[number])
    up = layer(model, "decoder", f"mirror_{number - 1}")
    # The visible biases make the reconstruction certain, whatever the sampling gives.
    certain = np.arange(codes.shape[1]) % 2
    up.set_weights([up.get_weights()[0], 80.0 * certain - 40.0])
    kernel, hidden_bias = (w.astype("float64") for w in down.get_weights())
    step_size = rate if number == 2 else rate / 100  # linear hidden units
    for epoch in range(7):
        if epoch in (0, 5):  # with more momentum it starts from rest again
            velocity = bias_velocity = 0.0
        momentum = 0.5 if epoch < 5 else 0.9
        weights = kernel, None, hidden_bias
        kind = "bernoulli" if number == 2 else "gaussian"
        positive = statistics(codes, weights, kind).mean(axis=0)
        negative = statistics(1.0 * certain[None], weights, kind)[0]
        step = (positive - negative)[: kernel.size].reshape(kernel.shape)
        velocity = momentum * velocity + step_size * (step - decay * kernel)
        bias_step = (positive - negative)[-hidden_bias.size :]
        bias_velocity = momentum * bias_velocity + step_size * bias_step
        kernel, hidden_bias = kernel + velocity, hidden_bias + bias_velocity

    aezoo.pretrain_boltzmann(
        model,
        x,
        epochs=7,
        batch_size=len(x),
        learning_rate=rate,
        weight_decay=decay,
        only=[number],
        verbose=0,
    )
    np.testing.assert_allclose(down.get_weights()[0], kernel, atol=1e-5)
    np.testing.assert_allclose(down.get_weights()[1], hidden_bias, atol=1e-5)
    np.testing.assert_allclose(up.get_weights()[0], kernel.T, atol=1e-5)


def test_pretraining_alone_reconstructs_better_than_the_mean_image():
    x = np.repeat(bars(4), 20, axis=0)
    model = aezoo.stacked_autoencoder(
        (4, 4), latent_dim=8, hidden_units=(32,), activation="sigmoid"
    )
    aezoo.pretrain_boltzmann(model, x, epochs=10, batch_size=10, verbose=0)
    model.compile(loss=aezoo.squared_error)
    mean_image = np.square(x - x.mean(axis=0)).sum(axis=(1, 2)).mean()
    assert model.evaluate(x, x, verbose=0) < mean_image / 2


def test_a_linear_output_gets_gaussian_visible_units():
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    model = aezoo.stacked_autoencoder(
        (3,),
        latent_dim=2,
        hidden_units=(6,),
        activation="sigmoid",
        output_activation=None,
    )
    bottom, top = aezoo.pretrain_boltzmann(model, x, epochs=1, verbose=0)
    assert (bottom.visible, bottom.hidden) == ("gaussian", "bernoulli")
    assert (top.visible, top.hidden) == ("bernoulli", "gaussian")


def test_progress_gives_the_squared_error_of_the_machine(capsys):
    model, x, batch = deep_model(), images(60), 50  # 50: not what `predict` would take
    first = layer(model, "encoder", "hidden_1").get_weights()
    arguments = dict(epochs=1, batch_size=batch, only=[2])
    (rbm,) = aezoo.pretrain_boltzmann(model, x, verbose=2, **arguments)
    line = capsys.readouterr().out.splitlines()[-1]
    v = sigmoid(x[:batch].reshape(batch, -1) @ first[0] + first[1])
    error = v - convert_to_numpy(rbm.visible_mean(rbm.hidden_mean(v)))
    assert line.startswith("Layer 2: squared error ")
    printed = float(line.removeprefix("Layer 2: squared error "))
    assert printed == pytest.approx(np.square(error).sum() / batch, rel=1e-3)
    aezoo.pretrain_boltzmann(model, x, verbose=0, **arguments)
    assert capsys.readouterr().out == ""


def without_biases():
    inputs, codes = keras.Input((6,)), keras.Input((2,))
    down = keras.layers.Dense(2, "sigmoid", use_bias=False)(inputs)
    up = keras.layers.Dense(6, "sigmoid", use_bias=False)(codes)
    encoder = keras.Model(inputs, down, name="encoder")
    decoder = keras.Model(codes, up, name="decoder")
    return keras.Model(inputs, decoder(encoder(inputs)))


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "build",
    [
        lambda: aezoo.stacked_autoencoder((6,), latent_dim=2, hidden_units=(5,)),
        without_biases,
    ],
    ids=["relu", "no biases"],
)
def test_a_model_that_no_machines_stand_for_is_refused(build):
    model = build()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"`model` must have .*Received: <Functional"):
        aezoo.pretrain_boltzmann(model, np.zeros((4, 6)), verbose=0)
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("argument", "value"),
    [("steps", 0), ("weight_decay", -1.0), ("weight_decay", np.nan)],
)
def test_bad_settings_of_the_machines_are_refused_before_training(argument, value):
    model = deep_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match="Received: "):
        aezoo.pretrain_boltzmann(model, images(), verbose=0, **{argument: value})
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)
