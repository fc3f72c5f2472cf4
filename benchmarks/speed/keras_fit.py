"""This package under Keras' `fit`: `keras_fit.py default` or `keras_fit.py tuned`.

`default` is `compile` and `fit` on arrays with nothing else said. `tuned` compiles the
step with XLA, hands TensorFlow many steps at a time, and picks batches inside
TensorFlow, without the tuner of `tf.data`.
"""

import sys

import keras
import numpy as np
from contender import BATCH_SIZE, MATRIX, answer, load_images
from keras import layers, ops

import aezoo

TUNED = sys.argv[1] == "tuned"
IMAGES = load_images()
SHAPE = IMAGES.shape[1:]
STEPS = 100  # of training that TensorFlow gets at a time


def one_layer(codes):
    """The contractive autoencoder's layers around another layer for its codes."""
    inputs = keras.Input(SHAPE)
    features = codes(layers.Flatten()(inputs))
    pixels = layers.Dense(IMAGES[0].size, "sigmoid")(features)
    return keras.Model(inputs, layers.Reshape(SHAPE)(pixels))


class AutodiffContraction(layers.Dense):
    """The penalty of `ContractiveDense`, with a Jacobian that is not worked out."""

    def call(self, inputs):
        """Return sigmoids, `(batch, units)`."""
        if keras.backend.backend() == "jax":
            import jax

            def one(image):
                return ops.sigmoid(image @ self.kernel + self.bias)

            # Forwards: there are fewer pixels than codes.
            jacobian = jax.vmap(jax.jacfwd(one))(inputs)
            codes = ops.sigmoid(inputs @ self.kernel + self.bias)
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(inputs)
                codes = ops.sigmoid(inputs @ self.kernel + self.bias)
            jacobian = tape.batch_jacobian(codes, inputs)  # (batch, units, pixels)
        squared_norms = ops.sum(ops.square(jacobian), axis=(1, 2))
        self.add_loss(0.1 * ops.mean(squared_norms))
        return codes


def build(net):
    if net.startswith("width-"):
        units = (int(net.removeprefix("width-")),)
        return aezoo.undercomplete_autoencoder(SHAPE, hidden_units=units)
    return {
        "shallow": lambda: aezoo.undercomplete_autoencoder(SHAPE),
        "deep": lambda: aezoo.undercomplete_autoencoder(
            SHAPE, latent_dim=30, hidden_units=(1000, 500, 250)
        ),
        "contractive": lambda: aezoo.contractive_autoencoder(SHAPE, latent_dim=1000),
        "without penalty": lambda: one_layer(layers.Dense(1000, "sigmoid")),
        "autodiff": lambda: one_layer(AutodiffContraction(1000)),
        "variational": lambda: aezoo.variational_autoencoder(
            SHAPE, latent_dim=50, hidden_units=(500, 500)
        ),
        "convolutional": lambda: aezoo.convolutional_autoencoder(SHAPE),
    }[net]()


def batches_inside(images):
    """The batches of `fit` on an array, shuffled too, without leaving TensorFlow."""
    import tensorflow as tf

    source = tf.constant(IMAGES[:images])

    def pick(chosen):
        batch = tf.gather(source, chosen)
        return batch, batch

    order = tf.data.Dataset.range(images).shuffle(images)
    batches = order.batch(BATCH_SIZE, drop_remainder=True).map(pick).prefetch(8)
    # The tuner sleeps for longer and longer, and the end of an epoch waits for it.
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def prepare(net, images):
    if net == "matrices":
        matrix = ops.convert_to_tensor(np.random.rand(MATRIX, MATRIX), "float32")
        return 0, lambda: ops.convert_to_numpy(ops.matmul(matrix, matrix)[0, 0])
    model = build(net)
    loss = aezoo.bernoulli_nll if net == "variational" else aezoo.squared_error
    x = IMAGES[:images]
    if TUNED:
        # XLA's convolutions are slower than TensorFlow's own on a processor.
        options = {"jit_compile": net != "convolutional", "steps_per_execution": STEPS}
        data = {"x": batches_inside(images)}
    else:
        options, data = {}, {"x": x, "y": x, "batch_size": BATCH_SIZE}
    model.compile("adam", loss=loss, **options)

    def train():
        return model.fit(**data, verbose=0).history["loss"][0]

    return model.count_params(), train


if __name__ == "__main__":
    answer(prepare)
