"""Trained nets for the package: a row's first seed keeps its own.

The file is Keras' own, its weights in half precision where that costs less than a
thousandth of the number, compressed, and without an optimiser.
"""

import hashlib
import io
import json
import os
import zipfile

import h5py
import keras

from aezoo.presets import FOLDER

SUMS = FOLDER / "SHA256SUMS"
# What Keras 3.15 writes into every layer and Keras 3.10 refuses, though it is None.
RECENT = {"quantization_config", "input_axes", "output_axes"}


def keep(model, folder):
    """Save a net in the folder of a seed, uncompiled, for `publish`."""
    bare = model.__class__.from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save(folder / "preset.keras")


def publish(row, score, folder):
    """Put what a seed kept into the package; return what the row's JSON says of it.

    Args:
        row: As for `reproduce`, with `preset`.
        score: Function of the model that returns the number on its card.
        folder: Where `keep` saved the model.
    """
    preset = row["preset"]
    kept = folder / "preset.keras"
    scores, files = {}, {}
    for dtype in ("float32", "float16"):
        files[dtype] = folder / f"{dtype}.keras"
        rewrite(kept, files[dtype], dtype)
        keras.utils.set_random_seed(0)  # both get the same draws
        loaded = keras.saving.load_model(files[dtype], compile=False)
        scores[dtype] = float(score(loaded))
    sign = 1 if preset.get("better", row["better"]) == "lower" else -1
    loss = sign * (scores["float16"] - scores["float32"])
    dtype = "float16" if loss < abs(scores["float32"]) / 1000 else "float32"

    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{preset['name']}.keras"
    os.replace(files[dtype], file)
    lines = [
        f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n"
        for each in sorted(FOLDER.glob("*.keras"))
    ]
    partial = folder / SUMS.name
    partial.write_text("".join(lines))
    os.replace(partial, SUMS)
    return {
        **preset,
        "metric": preset.get("metric", row["metric"]),
        "unit": preset.get("unit", row["unit"]),
        "seed": int(folder.name),
        **scores,
        "stored": dtype,
        "weights": loaded.count_params(),
        "bytes": file.stat().st_size,
    }


def rewrite(source, target, dtype):
    """Copy a `.keras` file with its float32 weights in `dtype`, compressed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                content = json.dumps(_config(json.loads(content)))
            elif name == "metadata.json":
                content = json.dumps(json.loads(content) | {"date_saved": ""})
            elif name.endswith(".h5"):
                content = _weights(content, dtype)
            # No date, so that the same weights are the same file.
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _config(part):
    """Return a part of the configuration without what older versions refuse."""
    if isinstance(part, list):
        return [_config(each) for each in part]
    if isinstance(part, dict):
        recent = {key for key in RECENT & set(part) if part[key] is None}
        return {k: _config(v) for k, v in part.items() if k not in recent}
    return part


def _weights(content, dtype):
    changed = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(changed, "w") as new:
        new.attrs.update(old.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Group):
                copied = new.require_group(name)
            else:
                value = item[()]
                value = value.astype(dtype) if value.dtype == "float32" else value
                # Bytes of equal meaning side by side compress better.
                options = {"compression": 9, "shuffle": True} if item.shape else {}
                copied = new.create_dataset(name, data=value, **options)
            copied.attrs.update(item.attrs)

        old.visititems(copy)
    return changed.getvalue()
