"""One contract for every builder: what a user may rely on whatever the method.

A builder is found by its name in `aezoo.__all__`; a new one is tested without a
change here. The whole file runs on every backend (`KERAS_BACKEND=jax`), and models
saved on one are loaded by fresh processes on TensorFlow and JAX.
"""

import importlib.util
import inspect
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import aezoo

BUILDERS = sorted(name for name in aezoo.__all__ if name.endswith("_autoencoder"))
SHAPES = [(7,), (6, 5), (9, 7, 3), (28, 28, 1)]
IMAGES_ONLY = {
    "convolutional_autoencoder",
    "convolutional_variational_autoencoder",
}
# The reconstruction is drawn at random: predict differs from call to call.
SAMPLING = {
    "variational_autoencoder",
    "convolutional_variational_autoencoder",
    "conditional_variational_autoencoder",
}
# Its nets are given a condition beside the image or the code.
CONDITIONAL = {"conditional_variational_autoencoder"}
CONDITION = (3,)

BAD_ARGUMENTS = {
    "input_shape": [(0,), (28, -1), (None, 28, 1), (2.5,), 784, "784", None],
    "latent_dim": [0, -1, 2.5, "8", None],
    "hidden_units": [(0,), (16, -2), (2.5,), 16, None],
    "filters": [(0,), (16, -2), (2.5,), 16, None],
    "dropout": [-0.1, 1.5, float("nan")],
    "activation": ["nonsense"],
    "output_activation": ["nonsense"],
}
# Numbers that Keras does not know: a layer of ours refuses them, in our words.
BAD_NUMBERS = {
    "strength": [-1.0, float("nan"), float("inf")],
    "beta": [-1.0, float("nan"), float("inf")],
}


def build(builder, /, input_shape, **arguments):
    if builder in CONDITIONAL:
        arguments.setdefault("condition_shape", CONDITION)
    return getattr(aezoo, builder)(input_shape, **arguments)


def parameters(name):
    return inspect.signature(getattr(aezoo, name)).parameters


def with_condition(name, images):
    """What the model or its encoder takes, or with codes its decoder."""
    if name not in CONDITIONAL:
        return images
    conditions = np.eye(*CONDITION)[np.arange(len(images)) % CONDITION[0]]
    return [images, conditions.astype("float32")]


def example_images(shape, count=64):
    """Examples with structure to find: mixtures of three random patterns."""
    rng = np.random.default_rng(0)
    patterns = rng.random((3, *shape))
    weights = rng.dirichlet([0.3, 0.3, 0.3], size=count)
    return np.tensordot(weights, patterns, axes=1).astype("float32")


def first_output(outputs):
    """The codes: a variational encoder gives them first, before the log-variances."""
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def compiled(model):
    model.compile(
        keras.optimizers.Adam(3e-3),
        loss=aezoo.squared_error,
        metrics=[aezoo.squared_error],
    )
    return model


@pytest.mark.parametrize("name", BUILDERS)
def test_input_shape_alone_is_enough_and_all_else_is_named(name):
    first, *others = parameters(name).values()
    assert first.name == "input_shape"
    if name in CONDITIONAL:
        assert others.pop(0).name == "condition_shape"
    assert all(p.kind is p.KEYWORD_ONLY for p in others)
    assert all(
        p.default is not p.empty for p in parameters(name).values() if p != first
    )
    assert {"latent_dim", "name"} <= {p.name for p in others}
    assert "seed" not in {p.name for p in others}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_plain_functional_model_of_encoder_and_decoder(name):
    model = build(name, (28, 28, 1))
    assert type(model) is keras.Model or type(model).__name__ == "Functional"
    assert not model.compiled
    assert model.name == name
    assert type(model.get_layer("encoder")) is type(model)
    assert type(model.get_layer("decoder")) is type(model)
    assert build(name, (28, 28, 1), name="mine").name == "mine"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", BUILDERS)
def test_any_input_shape_comes_back_in_the_same_shape(name, shape):
    if name in IMAGES_ONLY and len(shape) != 3:
        with pytest.raises(ValueError):
            build(name, shape)
        return
    model = build(name, shape, latent_dim=4)
    x = example_images(shape, 5)
    codes = first_output(
        model.get_layer("encoder").predict(with_condition(name, x), verbose=0)
    )
    assert codes.shape == (5, 4)
    reconstruction = model.get_layer("decoder").predict(
        with_condition(name, codes), verbose=0
    )
    assert reconstruction.shape == x.shape
    prediction = model.predict(with_condition(name, x), verbose=0)
    assert prediction.shape == x.shape
    if name not in SAMPLING:
        np.testing.assert_allclose(prediction, reconstruction, atol=1e-5)


@pytest.mark.parametrize("name", BUILDERS)
def test_fit_lowers_a_finite_loss_that_holds_the_reconstruction_error(name):
    x = example_images((12, 11, 1), 128)
    model = compiled(build(name, x.shape[1:], latent_dim=8))
    given = with_condition(name, x)
    history = model.fit(
        given, x, batch_size=32, epochs=8, validation_data=(given, x), verbose=0
    ).history
    assert np.isfinite([value for values in history.values() for value in values]).all()
    assert history["loss"][-1] < history["loss"][0]
    assert history["val_loss"][-1] < history["val_loss"][0]
    # What is not reconstruction is a penalty, and no penalty is negative.
    penalty = np.subtract(history["loss"], history["squared_error"])
    assert (penalty > -1e-4 * np.abs(history["loss"])).all()


@pytest.mark.parametrize("name", BUILDERS)
def test_a_batch_of_one_and_a_last_partial_batch_train(name):
    if keras.backend.backend() == "torch" and name in IMAGES_ONLY:
        pytest.skip("PyTorch's gradient of a convolution fails for a batch of one")
    x = example_images((12, 11, 1), 5)
    model = compiled(build(name, x.shape[1:], latent_dim=4))
    loss = model.fit(with_condition(name, x), x, batch_size=4, verbose=0).history[
        "loss"
    ]
    assert np.isfinite(loss).all()


@pytest.mark.parametrize("name", BUILDERS)
def test_mixed_precision_trains_and_rebuilds_in_single_precision(name, mixed_precision):
    x = example_images((12, 11, 1), 128)
    model = compiled(build(name, x.shape[1:], latent_dim=8))
    encoder = model.get_layer("encoder")
    assert encoder.get_layer("flatten").compute_dtype != "float32"
    # Squares of 90,000 pixels do not fit into half precision.
    assert model.output.dtype == "float32"
    loss = model.fit(
        with_condition(name, x), x, batch_size=32, epochs=8, verbose=0
    ).history["loss"]
    assert loss[-1] < loss[0] < np.inf


@pytest.mark.parametrize("name", BUILDERS)
def test_the_global_seed_repeats_the_initial_weights(name):
    def weights():
        model = build(name, (8, 8, 1), latent_dim=4)
        return np.concatenate([np.ravel(w) for w in model.get_weights()])

    keras.utils.set_random_seed(5)
    first = weights()
    assert (weights() != first).any()
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(weights(), first)


@pytest.mark.parametrize("name", BUILDERS)
def test_each_bad_argument_is_refused_by_name(name):
    for argument, values in BAD_ARGUMENTS.items():
        if argument not in parameters(name):
            continue
        for value in values:
            if value in (0, (0,)) and keras.__version__ < "3.15":
                continue  # older versions build layers of no units
            arguments = {"input_shape": (8, 8, 1), "latent_dim": 4}
            if "hidden_units" in parameters(name):  # which use the activation
                arguments["hidden_units"] = (8,)
            arguments[argument] = value
            with pytest.raises((ValueError, TypeError)):
                build(name, **arguments)


@pytest.mark.parametrize("name", BUILDERS)
def test_each_bad_number_is_refused_in_words(name):
    for argument, values in BAD_NUMBERS.items():
        if argument not in parameters(name):
            continue
        for value in values:
            message = rf"`{argument}` must be .*\. Received: {argument}="
            with pytest.raises(ValueError, match=message):
                build(name, (8, 8, 1), **{argument: value})


@pytest.mark.parametrize("name", BUILDERS)
def test_sizes_may_be_integers_of_numpy(name, tmp_path):
    x = np.zeros((2, 6, 5, 1), "float32")
    arguments = {"latent_dim": np.int64(4)}
    for argument in {"hidden_units", "filters"} & set(parameters(name)):
        arguments[argument] = np.array([6, 5])
    model = build(name, np.array(x.shape[1:]), **arguments)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.predict(with_condition(name, x), verbose=0).shape == x.shape
    if name not in IMAGES_ONLY:
        model = build(name, (np.prod(x.shape[1:]),), **arguments)
        assert model.output_shape == (None, 30)


@pytest.mark.parametrize("name", BUILDERS)
def test_channels_are_last_whatever_the_global_setting(name):
    shape = (6, 5, 3)
    x = example_images(shape, 4)
    model = build(name, shape, latent_dim=4)
    keras.config.set_image_data_format("channels_first")
    try:
        same = build(name, shape, latent_dim=4)
    finally:
        keras.config.set_image_data_format("channels_last")
    same.set_weights(model.get_weights())
    codes, also = (
        first_output(
            each.get_layer("encoder").predict(with_condition(name, x), verbose=0)
        )
        for each in (model, same)
    )
    np.testing.assert_allclose(also, codes, atol=1e-6)
    images, again = (
        each.get_layer("decoder").predict(with_condition(name, codes), verbose=0)
        for each in (model, same)
    )
    np.testing.assert_allclose(again, images, atol=1e-6)


@pytest.mark.parametrize("name", BUILDERS)
def test_pixels_to_255_give_no_nan_before_any_training(name):
    x = np.random.default_rng(0).integers(0, 256, (16, 12, 11, 1))
    model = compiled(build(name, x.shape[1:], latent_dim=5))
    assert np.isfinite(model.evaluate(with_condition(name, x), x, verbose=0)).all()


@pytest.mark.parametrize("name", BUILDERS)
def test_no_name_stands_in_the_encoder_and_in_the_decoder(name):
    model = build(name, (12, 11, 1))
    encoder, decoder = (
        {layer.name for layer in model.get_layer(side).layers}
        for side in ("encoder", "decoder")
    )
    assert not encoder & decoder


@pytest.mark.parametrize("name", BUILDERS)
def test_an_h5_file_keeps_the_model_of_a_training(name, tmp_path):
    x = example_images((12, 11, 1), 32)
    model = compiled(build(name, x.shape[1:], latent_dim=4))
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "last.h5")
    model.fit(with_condition(name, x), x, epochs=2, verbose=0, callbacks=[checkpoint])
    loaded = keras.saving.load_model(tmp_path / "last.h5", compile=False)
    for side in ("encoder", "decoder"):
        expected, weights = (m.get_layer(side).get_weights() for m in (model, loaded))
        for a, b in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_docstring_teaches(name):
    text = inspect.getdoc(getattr(aezoo, name))
    for section in ("Args:", "Returns:", "Raises:", "Example:", "Reference:", ">>>"):
        assert section in text
    for parameter in parameters(name):
        assert f"{parameter}:" in text
    module = inspect.getmodule(getattr(aezoo, name)).__doc__
    assert "doi:" in module or "arXiv:" in module


LOAD_ALL = """
import sys
import numpy as np
import keras
import aezoo

folder, trains = sys.argv[1], sys.argv[2] == "trains"
results = {}
for name in sys.argv[3:]:
    model = keras.saving.load_model(f"{folder}/{name}.keras", compile=trains)
    x = np.load(f"{folder}/x.npy")
    conditions = [np.load(f"{folder}/conditions.npy")] * (len(model.inputs) - 1)
    given = [x, *conditions] if conditions else x
    codes = model.get_layer("encoder").predict(given, verbose=0)
    decoder = model.get_layer("decoder")
    codes = codes[0] if isinstance(codes, (list, tuple)) else codes
    results[f"{name}/codes"] = codes
    results[f"{name}/decoded"] = decoder.predict(
        [codes, *conditions] if conditions else codes, verbose=0
    )
    if trains:
        history = model.fit(given, x, verbose=0).history
        results[f"{name}/losses"] = [history["loss"][0], history["squared_error"][0]]
np.savez(f"{folder}/{keras.backend.backend()}.npz", **results)
"""


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    """Every builder, trained a little, saved, and what it computed before saving."""
    folder = tmp_path_factory.mktemp("saved")
    x = example_images((12, 11, 1))
    np.save(folder / "x.npy", x)
    np.save(folder / "conditions.npy", np.eye(*CONDITION)[np.arange(len(x)) % 3])
    expected = {}
    for name in BUILDERS:
        model = compiled(build(name, x.shape[1:], latent_dim=6))
        model.fit(with_condition(name, x), x, verbose=0)
        model.save(folder / f"{name}.keras")
        codes = first_output(
            model.get_layer("encoder").predict(with_condition(name, x), verbose=0)
        )
        decoded = model.get_layer("decoder").predict(
            with_condition(name, codes), verbose=0
        )
        expected[name] = codes, decoded
    return folder, expected


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def loaded_models(request, saved_models):
    """The same, computed by a fresh process that knows only the files."""
    if not importlib.util.find_spec(request.param):
        pytest.skip(f"{request.param} is not installed")
    folder, _ = saved_models
    # Keras on PyTorch saves the name of an optimizer that only PyTorch has.
    trains = keras.backend.backend() in ("tensorflow", "jax", request.param)
    purpose = "trains" if trains else "predicts"
    subprocess.run(
        [sys.executable, "-c", LOAD_ALL, str(folder), purpose, *BUILDERS],
        env={**os.environ, "KERAS_BACKEND": request.param},
        check=True,
        timeout=300,
    )
    return np.load(folder / f"{request.param}.npz")


@pytest.mark.parametrize("name", BUILDERS)
def test_a_saved_model_predicts_the_same_in_a_fresh_process(
    name, saved_models, loaded_models
):
    codes, decoded = saved_models[1][name]
    np.testing.assert_allclose(loaded_models[f"{name}/codes"], codes, atol=1e-4)
    np.testing.assert_allclose(loaded_models[f"{name}/decoded"], decoded, atol=1e-4)
    # It was saved compiled, so it goes on training where it is loaded.
    if keras.backend.backend() != "torch":
        assert np.isfinite(loaded_models[f"{name}/losses"]).all()
