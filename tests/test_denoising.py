"""The noise is what it says, new in every training step, and gone afterwards."""

import keras
import numpy as np
import pytest
from keras import ops

import aezoo

EXAMPLES, PIXELS = 400, 500
COUNT = EXAMPLES * PIXELS

CORRUPTIONS = {
    "gaussian": lambda **kwargs: aezoo.GaussianCorruption(0.3, **kwargs),
    "clipped": lambda **kwargs: aezoo.GaussianCorruption(0.3, clip=True, **kwargs),
    "masking": lambda **kwargs: aezoo.MaskingCorruption(0.3, **kwargs),
    "salt_and_pepper": lambda **kwargs: aezoo.SaltAndPepperCorruption(0.3, **kwargs),
}
each_corruption = pytest.mark.parametrize(
    "make", CORRUPTIONS.values(), ids=CORRUPTIONS.keys()
)


@pytest.fixture(scope="module")
def grey():
    """Grey values away from 0 and 1, so that replaced ones can be told apart."""
    x = np.random.default_rng(0).uniform(0.2, 0.8, (EXAMPLES, PIXELS))
    return x.astype("float32")


def corrupted(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


def five_sigma(probability):
    """Bound on the error of a fraction of COUNT independent draws."""
    return 5 * np.sqrt(probability * (1 - probability) / COUNT)


def test_gaussian_noise_has_its_mean_and_standard_deviation(grey):
    noise = corrupted(aezoo.GaussianCorruption(0.3), grey) - grey
    assert abs(noise.mean()) < 5 * 0.3 / np.sqrt(COUNT)
    assert abs(noise.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * COUNT)


def test_masking_sets_its_fraction_to_0_and_leaves_the_rest(grey):
    noisy = corrupted(aezoo.MaskingCorruption(0.3), grey)
    masked = noisy == 0
    assert abs(masked.mean() - 0.3) < five_sigma(0.3)
    np.testing.assert_array_equal(noisy[~masked], grey[~masked])


def test_salt_and_pepper_sets_half_its_fraction_to_each_end(grey):
    noisy = corrupted(aezoo.SaltAndPepperCorruption(0.3), grey)
    pepper, salt = noisy == 0, noisy == 1
    assert abs(pepper.mean() - 0.15) < five_sigma(0.15)
    assert abs(salt.mean() - 0.15) < five_sigma(0.15)
    rest = ~(pepper | salt)
    np.testing.assert_array_equal(noisy[rest], grey[rest])


@pytest.mark.parametrize("name", ["MaskingCorruption", "SaltAndPepperCorruption"])
def test_a_fraction_of_0_changes_nothing_and_of_1_everything(name, grey):
    layer = getattr(aezoo, name)
    np.testing.assert_array_equal(corrupted(layer(0.0), grey), grey)
    assert (corrupted(layer(1.0), grey) != grey).all()


def test_no_standard_deviation_is_no_noise(grey):
    np.testing.assert_array_equal(corrupted(aezoo.GaussianCorruption(0.0), grey), grey)


@pytest.mark.parametrize("name", ["clipped", "masking", "salt_and_pepper"])
def test_values_stay_within_0_and_1_where_promised(name, grey):
    noisy = corrupted(CORRUPTIONS[name](), grey)
    assert noisy.min() >= 0 and noisy.max() <= 1
    assert corrupted(CORRUPTIONS["gaussian"](), grey).min() < 0


@each_corruption
def test_no_noise_outside_training(make, grey):
    layer = make()
    for arguments in ({}, {"training": False}):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(layer(grey, **arguments)), grey
        )


@each_corruption
def test_the_noise_is_new_in_every_call_and_for_every_example(make):
    same = np.full((2, PIXELS), 0.5, "float32")
    layer = make()
    first, second = corrupted(layer, same), corrupted(layer, same)
    assert (first != second).mean() > 0.2
    assert (first[0] != first[1]).mean() > 0.2


@each_corruption
def test_the_seed_repeats_the_noise(make, grey):
    layer = make(seed=1)
    first, second = corrupted(layer, grey), corrupted(layer, grey)
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(corrupted(again, grey), first)
    np.testing.assert_array_equal(corrupted(again, grey), second)
    assert (corrupted(make(seed=2), grey) != first).any()


@each_corruption
def test_without_a_seed_it_follows_the_global_one(make, grey):
    first = corrupted(make(), grey)
    assert (corrupted(make(), grey) != first).any()
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(corrupted(make(), grey), first)


def test_a_network_that_copies_pays_the_noise_in_training_and_nothing_after(grey):
    model = aezoo.denoising_autoencoder(
        (PIXELS,),
        latent_dim=PIXELS,
        noise=aezoo.GaussianCorruption(0.3),
        activation="linear",
        output_activation=None,
    )
    identity, zeros = np.eye(PIXELS), np.zeros(PIXELS)
    model.set_weights([identity, zeros, identity, zeros])
    model.compile(keras.optimizers.SGD(0.0), loss=aezoo.squared_error)
    training_loss = model.fit(grey, grey, verbose=0).history["loss"][0]
    power = PIXELS * 0.3**2
    assert abs(training_loss - power) < 5 * power * np.sqrt(2 / COUNT)
    assert model.evaluate(grey, grey, verbose=0) == pytest.approx(0, abs=1e-6)


def test_neither_predict_nor_the_encoder_adds_noise():
    model = aezoo.denoising_autoencoder((8, 8, 1), latent_dim=5)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    x = np.random.default_rng(0).random((4, 8, 8, 1)).astype("float32")
    expected = ops.convert_to_numpy(decoder(encoder(x)))
    np.testing.assert_array_equal(ops.convert_to_numpy(model(x)), expected)
    assert (corrupted(model, x) != expected).any()
    # Fine-tuned within a classifier, say, the encoder alone still sees clean inputs.
    np.testing.assert_array_equal(
        corrupted(encoder, x), ops.convert_to_numpy(encoder(x))
    )


@pytest.mark.parametrize("name", ["gaussian", "masking", "salt_and_pepper"])
def test_it_removes_most_of_the_noise(name):
    make = CORRUPTIONS[name]
    rng = np.random.default_rng(0)
    x = rng.dirichlet([0.3, 0.3, 0.3], 600) @ rng.random((3, 64))
    x = x.astype("float32")
    x_train, x_test = x[:500], x[500:]
    model = aezoo.denoising_autoencoder((64,), latent_dim=100, noise=make())
    model.compile(keras.optimizers.Adam(3e-3), loss=aezoo.squared_error)
    model.fit(x_train, x_train, epochs=20, verbose=0)
    noisy = corrupted(make(seed=1), x_test)
    error_before = np.square(noisy - x_test).sum(axis=1).mean()
    assert model.evaluate(noisy, x_test, verbose=0) < error_before / 3


def test_models_given_the_same_layer_do_not_share_its_noise():
    noise = aezoo.MaskingCorruption(0.3, seed=1, name="corruption")
    first, second = (
        aezoo.denoising_autoencoder((9,), noise=noise).get_layer("corruption")
        for _ in range(2)
    )
    x = np.ones((20, 9), "float32")
    drawn = corrupted(first, x)
    corrupted(first, x)
    np.testing.assert_array_equal(corrupted(second, x), drawn)
    np.testing.assert_array_equal(corrupted(noise, x), drawn)


def test_the_noise_of_the_model_follows_the_global_seed_or_its_own():
    def noise(seed, **arguments):
        keras.utils.set_random_seed(seed)
        model = aezoo.denoising_autoencoder((9,), **arguments)
        return corrupted(model.get_layer("corruption"), np.ones((50, 9), "float32"))

    np.testing.assert_array_equal(noise(3), noise(3))
    assert (noise(3) != noise(4)).any()
    own = {"noise": aezoo.MaskingCorruption(0.25, seed=1)}
    np.testing.assert_array_equal(noise(3, **own), noise(4, **own))


def test_none_is_no_noise():
    model = aezoo.denoising_autoencoder((9,), noise=None)
    x = np.random.default_rng(0).random((8, 9)).astype("float32")
    np.testing.assert_array_equal(corrupted(model, x), ops.convert_to_numpy(model(x)))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@each_corruption
def test_in_half_precision_the_noise_is_the_same_to_its_precision(make, policy, grey):
    exact = corrupted(make(seed=1), grey)
    layer = make(seed=1, dtype=policy)
    half = layer(grey, training=True)
    assert keras.backend.standardize_dtype(half.dtype) == layer.compute_dtype
    # Gaussian noise is drawn in half precision itself; what is drawn differs then.
    if not isinstance(layer, aezoo.GaussianCorruption):
        half = ops.convert_to_numpy(ops.cast(half, "float32"))
        np.testing.assert_allclose(half, exact, atol=5e-3)


@pytest.mark.parametrize("name", ["stddev", "fraction"])
def test_the_amount_cannot_be_changed_where_nothing_would_notice(name):
    layers = (
        [aezoo.GaussianCorruption(0.3)]
        if name == "stddev"
        else [aezoo.MaskingCorruption(0.3), aezoo.SaltAndPepperCorruption(0.3)]
    )
    for layer in layers:
        with pytest.raises(AttributeError, match=name):
            setattr(layer, name, 0.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.Dropout(0.5),
        lambda: keras.Sequential(
            [aezoo.GaussianCorruption(0.1), aezoo.SaltAndPepperCorruption(0.1)]
        ),
    ],
    ids=["dropout", "two_in_a_row"],
)
def test_any_layer_that_acts_in_training_only_will_do(make):
    model = aezoo.denoising_autoencoder((9,), noise=make())
    x = np.random.default_rng(0).random((8, 9)).astype("float32")
    clean = ops.convert_to_numpy(model(x))
    assert (corrupted(model, x) != clean).any()


@pytest.mark.parametrize("noise", [0.3, "masking", aezoo.MaskingCorruption])
def test_noise_that_is_no_layer_is_refused(noise):
    with pytest.raises((AttributeError, TypeError), match="config"):
        aezoo.denoising_autoencoder((9,), noise=noise)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_corruptions_refuse_impossible_amounts(value):
    with pytest.raises(ValueError, match=r"must be .*Received: stddev="):
        aezoo.GaussianCorruption(value)
    for layer in (aezoo.MaskingCorruption, aezoo.SaltAndPepperCorruption):
        with pytest.raises(ValueError, match=r"must be .*Received: fraction="):
            layer(value)
    with pytest.raises(ValueError, match="seed"):
        aezoo.MaskingCorruption(0.1, seed=0.5).build((9,))
