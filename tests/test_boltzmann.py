"""Contrastive divergence against machines so small that every state is enumerated."""

import itertools

import keras
import numpy as np
import pytest

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


def machine(visible="bernoulli", hidden="bernoulli", **arguments):
    """A machine of three visible and two hidden units, and its weights."""
    model = aezoo.restricted_boltzmann_machine(
        (3,), latent_dim=2, visible=visible, hidden=hidden, seed=0, **arguments
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
    free_energy = np.asarray(model.get_layer("rbm").free_energy(v))
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


def test_the_gradient_for_a_certain_reconstruction_is_two_outer_products():
    model, weights = machine()
    weights[1] = np.array([40.0, -40.0, 40.0], "float32")  # v' is 1, 0, 1 for certain
    model.get_layer("rbm").set_weights(weights)
    x = np.random.default_rng(4).random((7, 3))
    positive = statistics(x, weights, "bernoulli").mean(axis=0)
    negative = statistics(np.array([[1.0, 0.0, 1.0]]), weights, "bernoulli")[0]
    np.testing.assert_allclose(gradient(model, x), negative - positive, atol=1e-5)


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
    model = aezoo.restricted_boltzmann_machine((3, 3), latent_dim=8, seed=0)
    model.compile(keras.optimizers.SGD(0.2, momentum=0.5))
    rbm = model.get_layer("rbm")

    def log_likelihood():
        everything = -np.asarray(rbm.free_energy(binary(9)), "float64")
        return np.mean(-np.asarray(rbm.free_energy(x))) - np.logaddexp.reduce(
            everything
        )

    before = log_likelihood()
    model.fit(np.repeat(x, 10, axis=0), batch_size=14, epochs=100, verbose=0)
    assert log_likelihood() > before + 1


def test_images_are_flattened_and_a_saved_machine_goes_on(tmp_path):
    x = np.random.default_rng(0).random((20, 4, 3, 1))
    model = aezoo.restricted_boltzmann_machine(
        (4, 3, 1), latent_dim=5, steps=2, kernel_regularizer=keras.regularizers.L2(0.1)
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5))
    model.fit(x, verbose=0)
    model.save(tmp_path / "machine.keras")
    loaded = keras.saving.load_model(tmp_path / "machine.keras")
    assert loaded.get_layer("rbm").get_config() == model.get_layer("rbm").get_config()
    hidden = model.predict(x, verbose=0)
    assert hidden.shape == (20, 5)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), hidden, atol=1e-6)
    rbm = loaded.get_layer("rbm")
    np.testing.assert_allclose(np.asarray(rbm.hidden_mean(x)), hidden, atol=1e-5)
    assert rbm.visible_mean(hidden).shape == (20, 12)
    assert np.isfinite(loaded.fit(x, verbose=0).history["loss"]).all()
    assert np.isfinite(loaded.evaluate(x, verbose=0))


def test_the_seed_repeats_the_weights_and_the_chain():
    def trained(seed):
        model = aezoo.restricted_boltzmann_machine((3,), latent_dim=2, seed=seed)
        gradient(model, data("bernoulli"))
        return model.get_layer("rbm").get_weights()[0]

    np.testing.assert_array_equal(trained(1), trained(1))
    assert (trained(1) != trained(2)).any()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("input_shape", ()),
        ("input_shape", (None, 3)),
        ("latent_dim", 0),
        ("visible", "binary"),
        ("hidden", "relu"),
        ("steps", 0),
        ("steps", 1.5),
        ("seed", -1),
    ],
)
def test_each_bad_argument_of_a_machine_is_refused(argument, value):
    arguments = {"input_shape": (3,), argument: value}
    with pytest.raises(ValueError, match=rf"must be .*\. Received: {argument}="):
        aezoo.restricted_boltzmann_machine(**arguments)


def test_two_kinds_of_gaussian_units_are_refused():
    with pytest.raises(ValueError, match=r"`hidden` must be .*Received: hidden="):
        machine("gaussian", "gaussian")


def deep_model(seed=0):
    return aezoo.deep_belief_autoencoder(
        (3, 2), latent_dim=2, hidden_units=(5, 4), seed=seed
    )


def layer(model, side, name):
    return model.get_layer(side).get_layer(name)


def images(count=40):
    return np.random.default_rng(0).random((count, 3, 2)).astype("float32")


def test_the_unrolled_model_goes_up_and_down_the_machines():
    model, x = deep_model(), images()
    machines = aezoo.pretrain_boltzmann(model, x, epochs=2, verbose=0, seed=0)
    machines = [machine.get_layer("rbm") for machine in machines]
    assert [m.hidden for m in machines] == ["bernoulli", "bernoulli", "gaussian"]
    for rbm in machines:  # so that no bias is overlooked because it is zero
        assert np.abs(rbm.get_weights()[1]).min() > 0
        assert np.abs(rbm.get_weights()[2]).min() > 0
    codes = x
    for rbm in machines:
        codes = np.asarray(rbm.hidden_mean(codes))
    np.testing.assert_allclose(
        model.get_layer("encoder").predict(x, verbose=0), codes, atol=1e-5
    )
    reconstruction = codes
    for rbm in reversed(machines):
        reconstruction = np.asarray(rbm.visible_mean(reconstruction))
    np.testing.assert_allclose(
        model.predict(x, verbose=0), reconstruction.reshape(x.shape), atol=1e-5
    )


@pytest.mark.parametrize("number", [2, 3])
def test_a_machine_learns_from_the_hidden_means_below_it(number):
    model, x, decay, rate = deep_model(), images(), 0.01, 0.5
    first = layer(model, "encoder", "hidden_1").get_weights()
    codes = sigmoid(x.reshape(len(x), -1) @ first[0].astype("float64") + first[1])
    names = {2: ("hidden_2", "hidden_2"), 3: ("codes", "hidden_1")}[number]
    if number == 3:
        second = layer(model, "encoder", "hidden_2").get_weights()
        codes = sigmoid(codes @ second[0] + second[1])
        rate = rate / 100  # linear hidden units
    down, up = layer(model, "encoder", names[0]), layer(model, "decoder", names[1])
    # The visible biases make the reconstruction certain, whatever the sampling gives.
    certain = np.arange(codes.shape[1]) % 2
    up.set_weights([up.get_weights()[0], 80.0 * certain - 40.0])
    kernel, hidden_bias = (w.astype("float64") for w in down.get_weights())
    velocity = bias_velocity = 0.0
    for _ in range(2):
        weights = kernel, None, hidden_bias
        kind = "bernoulli" if number == 2 else "gaussian"
        positive = statistics(codes, weights, kind).mean(axis=0)
        negative = statistics(1.0 * certain[None], weights, kind)[0]
        step = (positive - negative)[: kernel.size].reshape(kernel.shape)
        velocity = 0.5 * velocity + rate * (step - decay * kernel)
        bias_step = (positive - negative)[-hidden_bias.size :]
        bias_velocity = 0.5 * bias_velocity + rate * bias_step
        kernel, hidden_bias = kernel + velocity, hidden_bias + bias_velocity

    aezoo.pretrain_boltzmann(
        model,
        x,
        epochs=2,
        batch_size=len(x),
        learning_rate=0.5,
        weight_decay=decay,
        only=[number],
        verbose=0,
    )
    np.testing.assert_allclose(down.get_weights()[0], kernel, atol=1e-5)
    np.testing.assert_allclose(down.get_weights()[1], hidden_bias, atol=1e-5)
    np.testing.assert_allclose(up.get_weights()[0], kernel.T, atol=1e-5)


def test_only_the_layer_in_training_changes():
    model, x = deep_model(), images()
    before = model.get_weights()
    aezoo.pretrain_boltzmann(model, x, epochs=6, only=[2], verbose=0)
    changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
    # Kernels and biases of hidden_1, hidden_2, codes; then of the decoder's mirror.
    assert changed == [False] * 2 + [True] * 2 + [False] * 4 + [True] * 2 + [False] * 2


def test_pretraining_alone_reconstructs_better_than_the_mean_image():
    x = np.repeat(bars(4), 20, axis=0)
    model = aezoo.deep_belief_autoencoder(
        (4, 4), latent_dim=8, hidden_units=(32,), seed=0
    )
    aezoo.pretrain_boltzmann(model, x, epochs=5, batch_size=2, verbose=0, seed=0)
    model.compile(loss=aezoo.squared_error)
    mean_image = np.square(x - x.mean(axis=0)).sum(axis=(1, 2)).mean()
    assert model.evaluate(x, x, verbose=0) < mean_image / 2


def test_a_linear_output_gets_gaussian_visible_units():
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    model = aezoo.deep_belief_autoencoder(
        (3,), latent_dim=2, hidden_units=(6,), output_activation=None
    )
    bottom, top = aezoo.pretrain_boltzmann(model, x, epochs=1, verbose=0)
    assert bottom.get_layer("rbm").visible == "gaussian"
    assert top.get_layer("rbm").visible == "bernoulli"


def test_an_interruption_keeps_the_finished_layers(monkeypatch):
    model, x = deep_model(), images()
    before = model.get_weights()
    epochs_done = []

    def interrupt(history, epoch, logs=None):
        epochs_done.append(epoch)
        if len(epochs_done) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(keras.callbacks.History, "on_epoch_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        aezoo.pretrain_boltzmann(model, x, epochs=2, verbose=0)
    changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True] * 2 + [False] * 8 + [True] * 2


def test_progress_names_the_layer_and_its_error(capsys):
    arguments = dict(epochs=1, only=[2])
    aezoo.pretrain_boltzmann(deep_model(), images(), verbose=2, **arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Layer 2 of 3: 5 -> 4"
    assert lines[-1].startswith("Squared reconstruction error: ")
    aezoo.pretrain_boltzmann(deep_model(), images(), verbose=0, **arguments)
    assert capsys.readouterr().out == ""


def relu_model():
    return aezoo.undercomplete_autoencoder((3, 2), latent_dim=2, hidden_units=(5,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": relu_model}, "`model` must be .*Received: model="),
        ({"x": images()[:, :2]}, r"`x` must be .*Received: x.shape=\(40, 2, 2\)"),
        ({"x": images()[:0]}, r"`x` must be .*Received: x.shape=\(0, 3, 2\)"),
        ({"x": images() * np.nan}, "`x` must be .*Received: x with .*nan"),
        ({"x": images() * 255}, "`x` must be .*Received: x with .*25"),
        ({"x": None}, r"`x` must be .*Received: x.shape=\(\)"),
        ({"only": [0]}, r"`only` must be .*Received: only=\[0\]"),
        ({"only": 2}, "`only` must be .*Received: only=2"),
        ({"steps": 0}, "`steps` must be .*Received: steps=0"),
        ({"seed": -1}, "`seed` must be .*Received: seed=-1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(arguments, message):
    model = arguments.pop("model", deep_model)()
    before = model.get_weights()
    x = arguments.pop("x", images())
    with pytest.raises(ValueError, match=message):
        aezoo.pretrain_boltzmann(model, x, verbose=0, **arguments)
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)
