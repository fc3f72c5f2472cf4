"""Greedy pretraining: each layer learns from the codes below it, and nothing moves."""

import keras
import numpy as np
import pytest

import aezoo

SIZES = [5, 5, 4, 3]  # equal first sizes: the raw input would fit the second layer too


def build(activation="sigmoid", dropout=0.0, seed=0):
    return aezoo.stacked_autoencoder(
        (SIZES[0],),
        latent_dim=SIZES[-1],
        hidden_units=SIZES[1:-1],
        activation=activation,
        dropout=dropout,
        seed=seed,
    )


def examples(count=40):
    return np.random.default_rng(0).random((count, SIZES[0])).astype("float32")


def pair_weights(model, number):
    """Weights of layer `number` of the encoder and of its mirror, as they are named."""
    last = len(SIZES) - 1
    down = "codes" if number == last else f"hidden_{number}"
    up = "pixels" if number == 1 else f"hidden_{last + 1 - number}"
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
    ("activation", "noise", "strength"),
    [
        ("sigmoid", None, 0.0),
        ("sigmoid", DropFirstUnits(), 0.0),
        ("sigmoid", None, 2.0),
        ("tanh", None, 2.0),
        ("relu", None, 2.0),
    ],
)
def test_layer_2_descends_the_loss_on_the_codes_of_layer_1(activation, noise, strength):
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
        x,
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
        return flags, [np.array(v) for v in model.optimizer.variables]

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


def test_a_dataset_gives_what_an_array_gives():
    import tensorflow as tf

    x = examples()
    sources = (
        x,
        tf.data.Dataset.from_tensor_slices(x).batch(len(x)),
        tf.data.Dataset.from_tensor_slices((x, x)).batch(len(x)),
    )
    models = build(), build(), build()
    for model, source in zip(models, sources, strict=True):
        aezoo.pretrain_layerwise(
            model, source, epochs=3, batch_size=len(x), only=[2], verbose=0
        )
    for model in models[1:]:
        for weight, wanted in zip(
            model.get_weights(), models[0].get_weights(), strict=True
        ):
            np.testing.assert_allclose(weight, wanted, atol=1e-5)


def test_an_interruption_keeps_the_finished_layers_and_can_be_continued(monkeypatch):
    x, arguments = examples(), dict(epochs=2, batch_size=40, verbose=0)
    whole, model = build(), build()
    aezoo.pretrain_layerwise(whole, x, only=(1, 2), **arguments)
    untouched = pair_weights(model, 2) + pair_weights(model, 3)
    epochs_done = []

    def interrupt(history, epoch, logs=None):
        epochs_done.append(epoch)
        if len(epochs_done) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(keras.callbacks.History, "on_epoch_end", interrupt)
        aezoo.pretrain_layerwise(model, x, **arguments)
    for weight, wanted in zip(
        pair_weights(model, 1), pair_weights(whole, 1), strict=True
    ):
        np.testing.assert_allclose(weight, wanted, atol=1e-6)
    for weight, wanted in zip(
        pair_weights(model, 2) + pair_weights(model, 3), untouched, strict=True
    ):
        np.testing.assert_array_equal(weight, wanted)

    aezoo.pretrain_layerwise(model, x, only=[2], **arguments)
    for weight, wanted in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, atol=1e-5)


def test_other_losses_and_models_of_dense_layers_are_pretrained_too():
    x = examples()
    model = aezoo.undercomplete_autoencoder((5,), latent_dim=2, hidden_units=())
    before = model.get_weights()
    aezoo.pretrain_layerwise(
        model, x, loss=keras.losses.mean_absolute_error, epochs=1, verbose=0
    )
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old != new).any()


def test_progress_names_the_layer(capsys):
    arguments = dict(epochs=1, only=[2])
    aezoo.pretrain_layerwise(build(), examples(), verbose=2, **arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Layer 2 of 3: 5 -> 4 -> 5"
    assert "loss:" in lines[-1]
    aezoo.pretrain_layerwise(build(), examples(), verbose=0, **arguments)
    assert capsys.readouterr().out == ""


def test_dropout_is_active_in_training_only():
    x = examples()
    with_dropout, without = build(dropout=0.5), build(dropout=0.0)
    np.testing.assert_array_equal(
        with_dropout.predict(x, verbose=0), without.predict(x, verbose=0)
    )
    drawn = np.array(with_dropout(x, training=True))
    assert (drawn != np.array(with_dropout(x, training=True))).any()


def test_the_classifier_shares_the_encoder():
    model, x = build(), examples()
    labels = np.arange(len(x)) % 3
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    classifier = aezoo.classifier_from_encoder(model, 3, seed=0)
    probabilities = classifier.predict(x, verbose=0)
    assert probabilities.shape == (len(x), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)

    classifier.compile("adam", loss="sparse_categorical_crossentropy")
    classifier.fit(x, labels, verbose=0)
    kernel, bias = classifier.get_layer("probabilities").get_weights()
    logits = model.get_layer("encoder").predict(x, verbose=0) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict(x, verbose=0), expected, atol=1e-5)
    # The copy that the docstring advises has kept the old encoder.
    for old, new in zip(
        copy.get_layer("encoder").get_weights(),
        model.get_layer("encoder").get_weights(),
        strict=True,
    ):
        assert (old != new).any()


def not_mirrored():
    inputs, codes = keras.Input((5,)), keras.Input((2,))
    features = keras.layers.Dense(4)(inputs)
    encoder = keras.Model(inputs, keras.layers.Dense(2)(features), name="encoder")
    decoder = keras.Model(codes, keras.layers.Dense(5)(codes), name="decoder")
    return keras.Model(inputs, decoder(encoder(inputs)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": not_mirrored}, "`model` must be .*Received: model="),
        ({"x": examples()[:, :4]}, r"`x` must be .*Received: x.shape=\(40, 4\)"),
        ({"x": examples()[:0]}, r"`x` must be .*Received: x.shape=\(0, 5\)"),
        ({"x": examples() * np.nan}, "`x` must be .*Received: x with .*nan"),
        ({"x": examples() * 255}, "`x` must be .*Received: x with .*25"),
        ({"x": iter([examples()])}, "`x` must be .*Received: x="),
        ({"x": None}, "`x` must be .*Received: x=None"),
        ({"noise": 0.25}, "`noise` must be .*Received: noise=0.25"),
        ({"strength": -1.0}, "`strength` must be .*Received: strength=-1.0"),
        ({"strength": np.nan}, "`strength` must be .*Received: strength=nan"),
        (
            {"model": lambda: build("elu"), "strength": 1.0},
            "`strength` must be 0 .*Received: strength=1.0",
        ),
        ({"only": [0]}, r"`only` must be .*Received: only=\[0\]"),
        ({"only": [4]}, r"`only` must be .*Received: only=\[4\]"),
        ({"only": 2}, "`only` must be .*Received: only=2"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(arguments, message):
    model = arguments.pop("model", build)()
    before = model.get_weights()
    x = arguments.pop("x", examples())
    with pytest.raises(ValueError, match=message):
        aezoo.pretrain_layerwise(model, x, verbose=0, **arguments)
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_a_dataset_is_checked_too():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(examples() * 255).batch(8)
    with pytest.raises(ValueError, match=r"`x` must be .*Received: x with"):
        aezoo.pretrain_layerwise(build(), dataset, verbose=0)


def test_bad_sizes_are_refused():
    for dropout in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match=r"`dropout` must be .*Received: dropout="):
            build(dropout=dropout)
    for classes in (1, 2.5):
        with pytest.raises(ValueError, match=r"`num_classes` must be .*Received"):
            aezoo.classifier_from_encoder(build(), classes)
