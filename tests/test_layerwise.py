"""Greedy pretraining: each layer learns from the codes below it, and nothing moves."""

import keras
import numpy as np
import pytest

import aezoo

SIZES = [5, 5, 4, 3]  # equal first sizes: the raw input would fit the second layer too


def build(activation="sigmoid", dropout=0.0):
    return aezoo.stacked_autoencoder(
        (SIZES[0],),
        latent_dim=SIZES[-1],
        hidden_units=SIZES[1:-1],
        activation=activation,
        dropout=dropout,
    )


def examples(count=40):
    return np.random.default_rng(0).random((count, SIZES[0])).astype("float32")


class OneBatch(keras.utils.PyDataset):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


def pair_weights(model, number):
    """Weights of layer `number` of the encoder and of its mirror, as they are named."""
    down = "codes" if number == len(SIZES) - 1 else f"hidden_{number}"
    up = "pixels" if number == 1 else f"mirror_{number - 1}"
    sides = ("encoder", down), ("decoder", up)
    return [w for side, name in sides for w in weights_of(model, side, name)]


def weights_of(model, side, name):
    return model.get_layer(side).get_layer(name).get_weights()


FUNCTIONS = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "linear": lambda a: a,
}


class DropFirstUnits(keras.layers.Layer):
    """A corruption that is no accident, so that its effect can be computed."""

    def call(self, inputs, training=False):
        keep = np.arange(inputs.shape[-1]) > 1
        return inputs * keras.ops.cast(keep, inputs.dtype) if training else inputs


def shallow_loss(weights, targets, inputs, function, strength):
    kernel, bias, up_kernel, up_bias = weights

    def encode(h):
        return function(h @ kernel + bias)

    reconstruction = function(encode(inputs) @ up_kernel + up_bias)
    error = np.square(targets - reconstruction).sum(axis=1)
    shift = 1e-5 * np.eye(inputs.shape[1])
    jacobian = [(encode(inputs + s) - encode(inputs - s)) / 2e-5 for s in shift]
    return np.mean(error + strength * np.square(jacobian).sum(axis=(0, 2)))


def gradients(loss, weights):
    """Central differences, in double precision."""
    result = []
    for weight in weights:
        gradient = np.empty_like(weight)
        for index in np.ndindex(weight.shape):
            value = weight[index]
            weight[index] = value + 1e-4
            above = loss(weights)
            weight[index] = value - 1e-4
            gradient[index] = (above - loss(weights)) / 2e-4
            weight[index] = value
        result.append(gradient)
    return result


@pytest.mark.parametrize(
    ("activation", "noise", "strength", "source"),
    [
        ("sigmoid", None, 0.0, np.asarray),
        ("sigmoid", None, 0.0, OneBatch),
        ("sigmoid", DropFirstUnits(), 0.0, np.asarray),
        ("sigmoid", DropFirstUnits(), 2.0, OneBatch),
        ("sigmoid", None, 2.0, np.asarray),
        ("tanh", None, 2.0, np.asarray),
        ("relu", None, 2.0, np.asarray),
        ("linear", None, 2.0, np.asarray),
    ],
)
def test_layer_2_descends_the_loss_on_the_codes_of_layer_1(
    activation, noise, strength, source
):
    x, function, rate = examples(12), FUNCTIONS[activation], 0.1
    model = build(activation)
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(-1, 1, w.shape) for w in model.get_weights()])
    kernel, bias = (w.astype("float64") for w in pair_weights(model, 1)[:2])
    targets = function(x @ kernel + bias)
    keep = np.arange(targets.shape[1]) > 1
    inputs = targets * keep if noise else targets
    expected = [w.astype("float64") for w in pair_weights(model, 2)]
    for _ in range(3):  # more than one step, or a moving target would not be seen
        steps = gradients(
            lambda w: shallow_loss(w, targets, inputs, function, strength), expected
        )
        expected = [w - rate * step for w, step in zip(expected, steps, strict=True)]

    aezoo.pretrain_layerwise(
        model,
        source(x),
        noise=noise,
        strength=strength,
        optimizer=keras.optimizers.SGD(rate),
        epochs=3,
        batch_size=len(x),
        only=[2],
        verbose=0,
    )
    for weight, wanted in zip(pair_weights(model, 2), expected, strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-4, atol=1e-5)


def shallow_error(model, number, x):
    """Error of a layer with its mirror, on the codes of the layers below it."""
    codes = x.astype("float64")
    for below in range(1, number):
        kernel, bias = pair_weights(model, below)[:2]
        codes = FUNCTIONS["sigmoid"](codes @ kernel + bias)
    kernel, bias, up_kernel, up_bias = pair_weights(model, number)
    above = codes @ kernel + bias
    if number < len(SIZES) - 1:  # the last code is linear
        above = FUNCTIONS["sigmoid"](above)
    reconstruction = FUNCTIONS["sigmoid"](above @ up_kernel + up_bias)
    return np.square(codes - reconstruction).sum(axis=1).mean()


def test_each_layer_learns_and_the_others_stay_bit_identical():
    model, x = build(), examples()
    for number in (1, 2, 3):
        before = [pair_weights(model, n) for n in (1, 2, 3)]
        error = shallow_error(model, number, x)
        (history,) = aezoo.pretrain_layerwise(
            model, x, epochs=20, batch_size=10, only=[number], verbose=0
        )
        assert shallow_error(model, number, x) < error
        assert history.history["loss"][-1] < history.history["loss"][0]
        after = [pair_weights(model, n) for n in (1, 2, 3)]
        for other, (old, new) in enumerate(zip(before, after, strict=True), start=1):
            same = [np.array_equal(a, b) for a, b in zip(old, new, strict=True)]
            assert same == [other != number] * 4


def test_what_the_user_has_set_stays_set():
    def state():
        models = model, model.get_layer("encoder"), model.get_layer("decoder")
        flags = [layer.trainable for part in models for layer in part.layers]
        variables = model.optimizer.variables
        return flags, [keras.ops.convert_to_numpy(v).copy() for v in variables]

    model, x = build(), examples()
    model.compile("adam", loss=aezoo.squared_error)
    model.fit(x, x, verbose=0)
    model.get_layer("encoder").get_layer("hidden_2").trainable = False
    optimizer, (flags, variables) = model.optimizer, state()
    weights = pair_weights(model, 2)
    aezoo.pretrain_layerwise(model, x, epochs=1, only=[2], verbose=0)
    assert model.optimizer is optimizer
    assert state()[0] == flags
    for variable, value in zip(state()[1], variables, strict=True):
        np.testing.assert_array_equal(variable, value)
    # Asked for by its number, a layer is pretrained even where `fit` must not train it.
    for old, new in zip(weights, pair_weights(model, 2), strict=True):
        assert (old != new).any()


def test_the_losses_that_are_given_are_minimised_on_any_model_of_dense_layers():
    x = examples()
    model = aezoo.undercomplete_autoencoder((5,), latent_dim=2, hidden_units=())
    before = model.get_weights()
    error = np.abs(x - model.predict(x, verbose=0)).mean()
    (history,) = aezoo.pretrain_layerwise(
        model,
        x,
        loss=keras.losses.mean_absolute_error,
        epochs=1,
        batch_size=len(x),
        verbose=0,
    )
    # Before the only step, the model is the shallow autoencoder.
    assert history.history["loss"] == [pytest.approx(error, rel=1e-5)]
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old != new).any()


def test_in_mixed_precision_noise_and_contraction_train(mixed_precision):
    model, x = build(), examples()
    histories = aezoo.pretrain_layerwise(
        model,
        x,
        noise=aezoo.MaskingCorruption(0.25),
        strength=np.float32(0.1),
        optimizer=keras.optimizers.Adam(0.01),
        epochs=5,
        batch_size=10,
        verbose=0,
    )
    for history in histories:
        assert history.history["loss"][-1] < history.history["loss"][0] < np.inf


def test_dropout_layers_are_passed_over():
    x, arguments = examples(), dict(epochs=2, batch_size=40, only=(1, 2), verbose=0)
    with_dropout, without = build(dropout=0.5), build()
    without.set_weights(with_dropout.get_weights())
    aezoo.pretrain_layerwise(with_dropout, x, **arguments)
    aezoo.pretrain_layerwise(without, x, **arguments)
    for weight, wanted in zip(
        with_dropout.get_weights(), without.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, wanted, atol=1e-5)


def test_progress_names_the_layer(capsys):
    arguments = dict(epochs=1, only=[2])
    aezoo.pretrain_layerwise(build(), examples(), verbose=2, **arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Layer 2:"
    assert "loss:" in lines[-1]
    aezoo.pretrain_layerwise(build(), examples(), verbose=0, **arguments)
    assert capsys.readouterr().out == ""


@pytest.mark.one_backend
def test_a_contraction_of_an_activation_without_a_known_slope_is_refused():
    model = build("elu")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"`strength` must be 0 .*ived: strength=1.0"):
        aezoo.pretrain_layerwise(model, examples(), strength=1.0, verbose=0)
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)
    # Without a price on the slope it need not be known.
    aezoo.pretrain_layerwise(model, examples(), epochs=1, verbose=0)
    assert (model.get_weights()[0] != before[0]).any()
