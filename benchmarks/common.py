"""What the measurements share: where a number comes from, batches, a training."""

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

import aezoo

ROOT = Path(__file__).parents[1]


def write(path, content):
    """Write JSON at once or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


def once(path, key, measure):
    """Return `measure()`, a number, or what an earlier call left under `key` in JSON.

    A search over settings goes on from there if it is interrupted, and all seeds of a
    row can share one.
    """
    known = json.loads(path.read_text()) if path.exists() else {}
    if key not in known:
        known[key] = float(measure())
        write(path, known)
    return known[key]


def provenance(*packages):
    """Return what makes a number: versions, processor and commit."""
    return {
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "processor": _processor(),
        "commit": _commit(),
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line for line in lines if line.startswith("model name"))
        name = name.split(": ", 1)[1]
    except (OSError, StopIteration):
        name = platform.processor()
    # A process may have been given fewer cores than there are.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    name = f"{name}, {cores} core{'s' if cores > 1 else ''}"
    if keras.backend.backend() == "jax":
        import jax

        accelerators = {d.device_kind for d in jax.devices() if d.platform != "cpu"}
        name = ", ".join([*sorted(accelerators), name])
    return name


def _commit():
    # Results, tables and presets may have changed: they did not make the number.
    code = ["git", "diff", "--quiet", "HEAD", "--", "benchmarks/*.py", "aezoo"]
    code.append(":!aezoo/presets")
    dirty = subprocess.run(code, cwd=ROOT).returncode != 0
    head = subprocess.check_output(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, text=True
    )
    return head.strip() + ("-dirty" if dirty else "")


class ChangedAfresh(keras.utils.PyDataset):
    """Batches of `change(x)`, in a new order and changed again in each epoch."""

    def __init__(self, x, batch_size, change):
        super().__init__()
        self.x, self.batch_size, self.change = x, batch_size, change
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def on_epoch_end(self):
        """Choose a new order."""
        self.order = np.random.permutation(len(self.x))

    def chosen(self, index):
        """Return which examples are in a batch."""
        return self.order[index * self.batch_size : (index + 1) * self.batch_size]

    def __getitem__(self, index):
        batch = self.change(self.x[self.chosen(index)])
        return batch, batch


def shift(x):
    """Return digits, `(n, 28, 28, 1)`, each moved by up to one pixel to all sides."""
    # The borders of digits are empty, so that rolling them shifts them.
    moves = np.random.randint(-1, 2, (len(x), 2))
    return np.stack([np.roll(*each, (0, 1)) for each in zip(x, moves, strict=True)])


def toss(x, seed=None):
    """Return binary images, `(n, 28, 28, 1)`, whose pixels are 1 with odds `x`."""
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
    return (rng.random(x.shape, dtype="float32") < x).astype("float32")


def train(
    model,
    loss,
    x,
    y=None,
    *,
    rate,
    epochs,
    batch_size=None,
    cosine=True,
    warmup=False,
    beta_2=0.999,
    backup=None,
    callbacks=(),
    verbose=2,
):
    """Compile a model and fit it with Adam, the rate falling along a cosine to 0.

    Args:
        model: A Keras model.
        loss: What `compile` accepts.
        x: Examples, or `ChangedAfresh` batches, which leave out `y` and `batch_size`.
        y: Targets.
        rate: Learning rate from which it falls.
        epochs: Passes over `x`.
        batch_size: Examples in a step.
        cosine: If false, Adam gets `rate` as it is, a number or a schedule.
        warmup: Whether it first rises from 0, in a hundredth of the steps.
        beta_2: Of Adam.
        backup: Folder for the last epoch's state, from which an interrupted training
            goes on; None to begin anew.
        callbacks: More of them.
        verbose: As in `fit`.
    """
    if cosine:
        steps = epochs * (-(-len(x) // batch_size) if batch_size else len(x))
        rising = steps // 100
        schedule = keras.optimizers.schedules.CosineDecay
        rate = (
            schedule(0.0, steps - rising, warmup_target=rate, warmup_steps=rising)
            if warmup
            else schedule(rate, steps)
        )
    model.compile(keras.optimizers.Adam(rate, beta_2=beta_2), loss=loss)
    if backup:
        callbacks = [*callbacks, keras.callbacks.BackupAndRestore(backup)]
    model.fit(
        x,
        y,
        batch_size=batch_size,
        epochs=epochs,
        callbacks=list(callbacks),
        verbose=verbose,
    )


def evaluated(model, loss, x, y=None, draws=1):
    """Return a loss on examples, `x` again if no `y` is given; a mean over draws."""
    model.compile(loss=loss)
    y = x if y is None else y
    options = {"batch_size": 1000, "verbose": 0}
    return np.mean([model.evaluate(x, y, **options) for _ in range(draws)])


def pca_error(x_train, x_test, count):
    """Return the squared error per test example of PCA with `count` components."""
    flat = x_train.reshape(len(x_train), -1)
    mean = flat.mean(axis=0)
    if len(flat) > flat.shape[1]:
        _, directions = np.linalg.eigh(np.cov(flat.T))
        basis = directions[:, -count:]
    else:  # few examples of many values: the smaller of two problems
        *_, directions = np.linalg.svd(flat - mean, full_matrices=False)
        basis = directions[:count].T
    centred = x_test.reshape(len(x_test), -1) - mean
    return np.square(centred - centred @ basis @ basis.T).sum(axis=1).mean()


def digit_error(model, smoke=False):
    """Return the squared error of test digits that a model rebuilds."""
    _, (x_test, _) = aezoo.datasets.load_mnist()
    return evaluated(model, aezoo.squared_error, x_test[:1000] if smoke else x_test)


def digit_pca_error(count, smoke):
    """Return that of PCA with `count` components."""
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    return pca_error(x_train[:1000] if smoke else x_train, x_test, count)


def faces(size, smoke=False):
    """Return faces to train on, of 25 people, mirrored too; to stop by; to judge by."""
    (known, _), (new, _) = aezoo.datasets.load_faces(size=size)
    both = np.concatenate([known[:250], known[:250, :, ::-1]])
    return both[:50] if smoke else both, known[250:], new


def face_pca_error(size, count):
    """Return the squared error of PCA for faces of people whom it has not seen."""
    x_train, _, x_test = faces(size)
    return pca_error(x_train, x_test, count)


def train_on_faces(model, loss, size, rate, smoke):
    """Fit a model until the error of people kept aside stops falling."""
    x_train, valid, _ = faces(size, smoke)
    # Ten copies of each face to an epoch: starting an epoch takes time as well.
    many = np.repeat(x_train, 1 if smoke else 10, axis=0)
    model.compile(keras.optimizers.Adam(rate), loss=loss)
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    model.fit(
        many,
        many,
        batch_size=50,
        epochs=1 if smoke else 40,
        validation_data=(valid, valid),
        callbacks=[stop],
        verbose=2,
    )


def error_rate(classifier, x, y):
    """Return the percentage of examples that are taken for another class."""
    answers = classifier.predict(x, batch_size=1000, verbose=0).argmax(axis=1)
    return 100 * (answers != y).mean()
