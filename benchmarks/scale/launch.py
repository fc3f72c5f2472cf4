"""Train a model on images in files: in one process, or in several on several hosts.

Start it on every host, with the same arguments except for the number of the process:

    python -m benchmarks.scale.launch --files 'digits/*.bin' --model sparse \
        --job-addresses 10.0.0.1:9999 --num-processes 2 --process-id 0

The address is that of process 0. The last three arguments may come from the environment
instead: KERAS_DISTRIBUTION_JOB_ADDRESSES, KERAS_DISTRIBUTION_NUM_PROCESSES and
KERAS_DISTRIBUTION_PROCESS_ID. Without them one process trains alone.

The batch is that of all processes together. Every process reads all files and keeps its
part of each batch, so the losses are those of one process. All hosts need the same
files. It runs on JAX: Keras distributes over processes on no other backend.
"""

import argparse
import glob
import json
import os
import tempfile
from pathlib import Path

MODELS = ("undercomplete", "sparse", "contractive", "denoising", "variational")
ADDRESSES, COUNT, NUMBER = (
    f"KERAS_DISTRIBUTION_{name}"
    for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", required=True, help="pattern of files, in quotes")
    parser.add_argument("--model", choices=MODELS, default="undercomplete")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128, help="of all processes")
    parser.add_argument("--buffer", type=int, default=0, help="images to shuffle among")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backup", type=Path, help="folder to go on from, one process")
    parser.add_argument("--history", type=Path, help="JSON file for the losses")
    parser.add_argument("--save", type=Path, help=".keras file for the trained model")
    environment = os.environ.get
    parser.add_argument("--job-addresses", default=environment(ADDRESSES))
    parser.add_argument("--num-processes", type=int, default=environment(COUNT, 1))
    parser.add_argument("--process-id", type=int, default=environment(NUMBER, 0))
    given = parser.parse_args()
    if given.num_processes > 1 and not given.job_addresses:
        parser.error("several processes need --job-addresses, that of process 0")
    if not 0 <= given.process_id < given.num_processes:
        parser.error("--process-id counts from 0 to --num-processes - 1")
    if given.num_processes > 1 and given.backup:
        parser.error("--backup works for one process only")
    if given.batch_size % given.num_processes:
        parser.error("--batch-size must be a multiple of --num-processes")
    if not glob.glob(given.files):
        parser.error(f"no file matches {given.files}")
    return given


def main():
    given = arguments()
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    import aezoo
    from benchmarks.scale.stream import stream

    keras.utils.set_random_seed(given.seed)  # the same weights and order everywhere
    if given.num_processes > 1:
        keras.distribution.initialize(
            given.job_addresses, given.num_processes, given.process_id
        )
        keras.distribution.set_distribution(keras.distribution.DataParallel())

    build = getattr(aezoo, f"{given.model}_autoencoder")
    model = build((28, 28, 1))
    likelihood = given.model == "variational"
    loss = aezoo.bernoulli_nll if likelihood else aezoo.squared_error
    model.compile("adam", loss=loss, metrics=[loss])
    batches = stream(given.files, given.batch_size, given.buffer, given.seed)
    first = given.process_id == 0
    callbacks = []
    if given.backup:
        # With a second checkpoint, since it may be killed while it writes.
        backup = keras.callbacks.BackupAndRestore(given.backup, double_checkpoint=True)
        callbacks.append(backup)
    history = model.fit(
        batches, epochs=given.epochs, callbacks=callbacks, verbose=2 if first else 0
    )
    if first and given.history:
        given.history.write_text(json.dumps(history.history))
    if given.save:
        # To save is something that the processes have to do together; one file is kept.
        with tempfile.TemporaryDirectory() as rest:
            model.save(given.save if first else f"{rest}/model.keras")


if __name__ == "__main__":
    main()
