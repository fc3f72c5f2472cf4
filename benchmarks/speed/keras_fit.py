"""This package under Keras' `fit`; the argument is `default` or `tuned`.

`default` is `compile` and `fit` on arrays with nothing else said. `tuned` compiles the
step with XLA, hands TensorFlow many steps at a time, and picks batches inside
TensorFlow, without the tuner of `tf.data`.
"""

import sys

import keras
import numpy as np
from keras import layers, ops

import aezoo
from benchmarks.nets import BATCH_SIZE, MATRIX, SIZES, STRENGTH
from benchmarks.speed.contender import answer, load_images

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
        self.add_loss(STRENGTH * ops.mean(squared_norms))
        return codes


def build(net):
    *hidden, codes = SIZES[net]
    sizes = {"hidden_units": hidden, "latent_dim": codes}
    if net == "contractive":
        return aezoo.contractive_autoencoder(SHAPE, latent_dim=codes, strength=STRENGTH)
    if net == "without penalty":
        return one_layer(layers.Dense(codes, "sigmoid"))
    if net == "autodiff":
        return one_layer(AutodiffContraction(codes))
    if net == "variational":
        return aezoo.variational_autoencoder(SHAPE, **sizes)
    if net == "convolutional":
        return aezoo.convolutional_autoencoder(SHAPE, filters=hidden, latent_dim=codes)
    return aezoo.undercomplete_autoencoder(SHAPE, **sizes)


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
