"""Train on two devices of one process, under TensorFlow's `MirroredStrategy`.

    python -m benchmarks.scale.mirrored --files 'digits/*.bin'

Prints JSON: for each model the losses of every epoch without the strategy and with it,
and for the sparse one what each charges for the same codes. The devices are two logical
ones of the processor, which do the arithmetic of two real ones and save no time.
"""

import argparse
import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

import aezoo
from benchmarks.scale.stream import stream

MODELS = ("undercomplete", "contractive", "sparse")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", required=True, help="pattern of files, in quotes")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128, help="of both devices")
    given = parser.parse_args()

    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, halves)
    strategies = {
        "one device": tf.distribute.get_strategy(),
        "two devices": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
    }
    batches = stream(given.files, given.batch_size)
    results = {}
    for name in given.models:
        results[name] = {}
        for devices, strategy in strategies.items():
            keras.utils.set_random_seed(0)
            with strategy.scope():
                model = getattr(aezoo, f"{name}_autoencoder")((28, 28, 1))
                error = aezoo.squared_error
                model.compile("adam", loss=error, metrics=[error])
            measured = {}
            if name == "sparse":
                start = model.evaluate(batches, verbose=0, return_dict=True)
                penalty = start["loss"] - start["squared_error"]
                measured["penalty at the start"] = penalty
            history = model.fit(batches, epochs=given.epochs, verbose=0).history
            results[name][devices] = {**measured, "loss": history["loss"]}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
