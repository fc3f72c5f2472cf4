"""A softmax on the codes shares the encoder, and nothing else of the model."""

import keras
import numpy as np
import pytest

import aezoo


def build():
    return aezoo.stacked_autoencoder(
        (5,), latent_dim=3, hidden_units=(5, 4), activation="sigmoid"
    )


def examples(count=40):
    x = np.random.default_rng(0).random((count, 5)).astype("float32")
    return x, np.arange(count) % 3


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_the_classifier_shares_the_encoder():
    model, (x, labels) = build(), examples()
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    classifier = aezoo.classifier_from_encoder(model, labels.max() + 1)
    probabilities = classifier.predict(x, verbose=0)
    assert probabilities.shape == (len(x), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)

    classifier.compile("adam", loss="sparse_categorical_crossentropy")
    classifier.fit(x, labels, verbose=0)
    kernel, bias = classifier.get_layer("probabilities").get_weights()
    logits = model.get_layer("encoder").predict(x, verbose=0) @ kernel + bias
    np.testing.assert_allclose(
        classifier.predict(x, verbose=0), softmax(logits), atol=1e-5
    )
    # The copy that the docstring advises has kept the old encoder.
    for old, new in zip(
        copy.get_layer("encoder").get_weights(),
        model.get_layer("encoder").get_weights(),
        strict=True,
    ):
        assert (old != new).any()


def test_with_a_frozen_encoder_only_the_softmax_is_trained():
    model, (x, labels) = build(), examples()
    before = model.get_weights()
    model.get_layer("encoder").trainable = False
    classifier = aezoo.classifier_from_encoder(model, 3)
    kernel = classifier.get_layer("probabilities").get_weights()[0]
    classifier.compile("adam", loss="sparse_categorical_crossentropy")
    classifier.fit(x, labels, verbose=0)
    assert (classifier.get_layer("probabilities").get_weights()[0] != kernel).any()
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_of_a_variational_encoder_the_means_are_classified():
    x, _ = examples()
    model = aezoo.variational_autoencoder((5,), latent_dim=2)
    classifier = aezoo.classifier_from_encoder(model, 3)
    kernel, bias = classifier.get_layer("probabilities").get_weights()
    means = model.get_layer("encoder").predict(x, verbose=0)[0]
    np.testing.assert_allclose(
        classifier.predict(x, verbose=0), softmax(means @ kernel + bias), atol=1e-5
    )


def test_in_mixed_precision_probabilities_are_in_full_precision(mixed_precision):
    model, (x, labels) = build(), examples()
    classifier = aezoo.classifier_from_encoder(model, np.uint8(labels.max() + 1))
    classifier.compile("adam", loss="sparse_categorical_crossentropy")
    history = classifier.fit(x, labels, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    probabilities = classifier.predict(x, verbose=0)
    assert probabilities.dtype == "float32"
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.one_backend
def test_a_number_of_classes_that_is_no_integer_from_2_is_refused():
    with pytest.raises(ValueError, match=r"`num_classes` must be .*Received: num_cl"):
        aezoo.classifier_from_encoder(build(), 1)
    with pytest.raises(TypeError, match="integer"):
        aezoo.classifier_from_encoder(build(), 2.5)
