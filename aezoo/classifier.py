# SPDX-License-Identifier: Apache-2.0
"""A softmax on the codes of an autoencoder, for supervised fine-tuning.

A code that was learned without labels is a start for a classifier: put a softmax on
it, then train the softmax alone or all of it with the labels at hand.

    p = softmax(W codes + b),    loss = -log p_label

Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep networks",
NIPS 2006. Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising
autoencoders: learning useful representations in a deep network with a local denoising
criterion", JMLR 11, 2010.
"""

from operator import index

import keras
from keras import layers


def classifier_from_encoder(
    model: keras.Model, num_classes: int, *, name: str = "classifier"
) -> keras.Model:
    """Put a softmax on an autoencoder's codes.

    The encoder is shared, not copied: training the classifier changes the encoder of
    `model` too, and its decoder no longer fits. To keep `model` as it is, build the
    classifier from a copy:

        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())

    With `model.get_layer("encoder").trainable = False` before `compile`, only the
    softmax is trained. Dropout and penalties in the encoder go on acting.

    Args:
        model: Any model with a layer `"encoder"`, pretrained or not. Of a variational
            encoder the means are used.
        num_classes: Number of classes, an integer from 2.
        name: Name of the classifier.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to probabilities
        `(batch, num_classes)`, with the layers `"encoder"` and `"probabilities"`.

    Raises:
        ValueError, TypeError: If `num_classes` is not an integer from 2; from Keras,
            if there is no encoder.

    Example:
        >>> import aezoo, numpy as np
        >>> x = np.random.default_rng(0).random((64, 8, 8, 1))
        >>> labels = np.arange(64) % 10
        >>> model = aezoo.stacked_autoencoder((8, 8, 1), hidden_units=(32,))
        >>> classifier = aezoo.classifier_from_encoder(model, labels.max() + 1)
        >>> classifier.compile("adam", loss="sparse_categorical_crossentropy")
        >>> history = classifier.fit(x, labels, verbose=0)
        >>> classifier.predict(x, verbose=0).shape
        (64, 10)

    Reference:
        Bengio and others, 2006; Vincent and others, 2010.
    """
    if index(num_classes) < 2:  # one softmax unit is always certain
        raise ValueError(
            "`num_classes` must be an integer from 2. "
            f"Received: num_classes={num_classes!r}"
        )
    inputs = keras.Input(model.input_shape[1:], name="inputs")
    codes = model.get_layer("encoder")(inputs)
    if isinstance(codes, (list, tuple)):  # a variational encoder's means come first
        codes = codes[0]
    probabilities = layers.Dense(
        index(num_classes), "softmax", dtype="float32", name="probabilities"
    )(codes)  # (batch, num_classes)
    return keras.Model(inputs, probabilities, name=name)
