# SPDX-License-Identifier: Apache-2.0
"""The figures that the lessons share.

Each function draws inside one Matplotlib Axes: the `ax` that is passed, or that of a
new figure. It returns the Axes and sets no title, which is the caller's to say:

    ax = plots.reconstructions(x_test, model.predict(x_test))
    ax.set_title("Thirty numbers a digit")

Images are grey, `(n, height, width)` or `(n, height, width, 1)`, or colour,
`(n, height, width, 3)`, with pixels in [0, 1]. Pixels a little outside, as linear
models and added noise make them, are clipped to [0, 1]; images that seem to run from
0 to 255 are refused.
"""

import re
from textwrap import wrap

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from matplotlib.lines import Line2D

# Ten colours told apart under the common kinds of colour blindness, in their
# published order: Petroff, "Accessible Color Sequences for Data Visualization",
# 2021, arXiv:2107.02270.
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
_TILE = 0.7  # inches
_REARRANGE = (
    keras.layers.Cropping2D,
    keras.layers.Reshape,
    keras.layers.ZeroPadding2D,
)
_LARGEST_PIXEL = 10.0  # far beyond any noise, far below 255


def reconstructions(x, reconstruction, *, count=10, ax=None):
    """Draw originals over their reconstructions.

    Args:
        x: Originals, `(n, height, width)` or `(n, height, width, channels)`, one or
            three channels, pixels in [0, 1].
        reconstruction: Their reconstructions in the same order, the same shape.
            Pixels outside [0, 1], as a linear decoder makes them, are clipped.
        count: The first `count` pairs are drawn, fewer if there are fewer.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the shapes differ, or either holds no images of that kind.

    Example:
        >>> import numpy as np
        >>> from aezoo import plots
        >>> x = np.random.default_rng(0).random((20, 28, 28, 1))
        >>> ax = plots.reconstructions(x, 0.9 * x, count=8)
        >>> ax.set_title("Ninety percent")
        Text(0.5, 1.0, 'Ninety percent')
    """
    x, reconstruction = _images(x, "x"), _images(reconstruction, "reconstruction")
    if x.shape != reconstruction.shape:
        raise ValueError(
            "`x` and `reconstruction` must have the same shape. "
            f"Received: x.shape={x.shape}, reconstruction.shape={reconstruction.shape}"
        )
    count = min(_positive(count, "count"), len(x))
    pairs = np.concatenate([x[:count], reconstruction[:count]])
    return image_grid(
        pairs, columns=count, labels=["original", "reconstruction"], ax=ax
    )


def image_grid(images, *, columns=10, labels=None, ax=None):
    """Draw images side by side, row after row.

    Args:
        images: `(n, height, width)` or `(n, height, width, channels)`, one or three
            channels, pixels in [0, 1] (clipped if a little outside).
        columns: Images in a row; the last row may be shorter.
        labels: What is written at the left of each row, one for each; None for
            nothing.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If `images` has another shape or range, `columns` is not a
            positive integer, or there is not one label for each row.

    Example:
        >>> import numpy as np
        >>> from aezoo import plots
        >>> images = np.random.default_rng(0).random((20, 8, 8))
        >>> ax = plots.image_grid(images, labels=["first", "second"])
    """
    images, columns = _images(images, "images"), _positive(columns, "columns")
    rows = -(-len(images) // columns)
    if labels is not None and len(labels) != rows:
        raise ValueError(
            f"`labels` must have one entry for each of the {rows} rows. "
            f"Received: labels={labels!r}"
        )
    return _draw_tiles(images, columns, ax, labels)


def filters(weights, input_shape, *, columns=10, ax=None):
    """Draw what each unit of a dense layer looks for: its weights as an image.

    Every image is scaled by its own largest weight, so that strengths cannot be
    compared between units, but patterns can. Grey inputs: red is positive, blue
    negative, white zero. Colour inputs: mid-grey is zero.

    Args:
        weights: Kernel of a dense layer on flattened images, `(pixels, units)`, such
            as `layer.kernel`; a decoder's kernel is `layer.kernel` transposed.
        input_shape: Shape of one image: `(height, width)` or
            `(height, width, channels)`, one or three channels.
        columns: Units in a row.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the shapes do not fit each other, or a weight is not finite.

    Example:
        >>> import numpy as np
        >>> from aezoo import plots
        >>> kernel = np.random.default_rng(0).normal(size=(784, 30))
        >>> ax = plots.filters(kernel, (28, 28, 1))
    """
    weights = _finite(weights, "weights")
    shape = tuple(input_shape)
    if len(shape) == 2:
        shape += (1,)
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(
            "`input_shape` must be (height, width) or (height, width, channels) with "
            f"one or three channels. Received: input_shape={input_shape!r}"
        )
    if weights.ndim != 2 or weights.shape[0] != np.prod(shape) or 0 in weights.shape:
        raise ValueError(
            f"`weights` must have the shape ({np.prod(shape)}, units) for images of "
            f"shape {tuple(input_shape)}. Received: weights.shape={weights.shape}"
        )
    largest = np.abs(weights).max(axis=0)
    scaled = weights / np.where(largest > 0, largest, 1.0)  # (pixels, units)
    tiles = 0.5 + 0.5 * scaled.T.reshape(-1, *shape)
    if shape[2] == 1:
        tiles = plt.get_cmap("RdBu_r")(tiles[..., 0])[..., :3]
    return _draw_tiles(tiles, _positive(columns, "columns"), ax)


def codes_2d(codes, labels=None, *, ax=None):
    """Draw codes of two numbers as points.

    Args:
        codes: `(n, 2)`, finite.
        labels: What colours the points, `(n,)`. Up to ten different values are
            classes and get a legend; more must be numbers and get a colour bar.
            None for one colour.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the shapes do not fit, a number is not finite, or there are
            more than ten labels that are not numbers.

    Example:
        >>> import numpy as np
        >>> from aezoo import plots
        >>> codes = np.random.default_rng(0).normal(size=(300, 2))
        >>> ax = plots.codes_2d(codes, labels=codes[:, 0] > 0)
        >>> ax.get_xlabel()
        'code 1'
    """
    codes = _finite(codes, "codes")
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(
            f"`codes` must have the shape (n, 2). Received: codes.shape={codes.shape}"
        )
    # Small and see-through where there are many, so that the crowd shows its shape.
    dots = {"s": 30 if len(codes) < 500 else 6, "alpha": 0.7, "linewidths": 0}
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != codes.shape[:1]:
            raise ValueError(
                f"`labels` must have the shape ({len(codes)},), one for each code. "
                f"Received: labels.shape={labels.shape}"
            )
        classes, which = np.unique(labels, return_inverse=True)
        few = len(classes) <= len(COLOURS)
        if not few:
            if labels.dtype.kind not in "iuf":
                raise ValueError(
                    f"`labels` must be numbers or at most {len(COLOURS)} classes. "
                    f"Received: labels with {len(classes)} classes"
                )
            _finite(labels, "labels")

    ax = _axes(ax, 5.5, 4.5)
    if labels is None:
        ax.scatter(*codes.T, color=COLOURS[0], **dots)
    elif few:
        # One call for all classes: drawn one by one, the last would hide the others.
        ax.scatter(*codes.T, c=np.array(COLOURS)[which], **dots)
        handles = [
            Line2D([], [], marker="o", linestyle="", color=colour, label=str(label))
            for label, colour in zip(classes, COLOURS, strict=False)
        ]
        ax.legend(
            handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False
        )
    else:
        points = ax.scatter(*codes.T, c=labels, cmap="viridis", **dots)
        ax.figure.colorbar(points, ax=ax).solids.set_alpha(1)
    ax.set(xlabel="code 1", ylabel="code 2")
    return ax


def latent_manifold(decoder, *, size=15, limits=((-2, 2), (-2, 2)), ax=None):
    """Decode a square lattice of two-number codes, each drawn at its own place.

    Args:
        decoder: Model or function from codes `(n, 2)` to images
            `(n, height, width)` or `(n, height, width, channels)`.
        size: Images along each side, an integer from 2.
        limits: Smallest and largest value of the first and the second number of the
            code: `((left, right), (bottom, top))`.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes, with ticks in code units.

    Raises:
        ValueError: If the decoder does not give images, or a limit is not finite or
            not in order.

    Example:
        >>> import aezoo
        >>> from aezoo import plots
        >>> model = aezoo.undercomplete_autoencoder((8, 8, 1), latent_dim=2)
        >>> ax = plots.latent_manifold(model.get_layer("decoder"), size=5)
    """
    if _positive(size, "size") < 2:
        raise ValueError(f"`size` must be an integer from 2. Received: size={size}")
    bounds = np.asarray(limits, "float64")
    if (
        bounds.shape != (2, 2)
        or not np.isfinite(bounds).all()
        or (bounds[:, 0] >= bounds[:, 1]).any()
    ):
        raise ValueError(
            "`limits` must be ((left, right), (bottom, top)), finite and in order. "
            f"Received: limits={limits!r}"
        )
    (left, right), (bottom, top) = bounds
    code_1, code_2 = np.meshgrid(
        np.linspace(left, right, size), np.linspace(top, bottom, size)
    )
    tiles = _decode(decoder, np.column_stack([code_1.ravel(), code_2.ravel()]))

    height, width = tiles.shape[1:3]
    step_1, step_2 = (right - left) / (size - 1), (top - bottom) / (size - 1)
    side = min(7.0, max(3.0, size * _TILE))
    ax = _axes(ax, side, side * height / width)
    # An image's centre, not its corner, stands at its code.
    ax.imshow(
        _mosaic(tiles, size, gap=0),
        cmap="gray",
        vmin=0,
        vmax=1,
        extent=(
            left - step_1 / 2,
            right + step_1 / 2,
            bottom - step_2 / 2,
            top + step_2 / 2,
        ),
        aspect=(height / width) * (step_1 / step_2),
    )
    ax.set(xlabel="code 1", ylabel="code 2")
    return ax


def interpolation(decoder, start, end, *, steps=9, ax=None):
    """Decode the codes on the straight line from one code to another.

    Args:
        decoder: Model or function from codes `(n, latent_dim)` to images
            `(n, height, width)` or `(n, height, width, channels)`.
        start: Code of the first image, `(latent_dim,)`, or `(n, latent_dim)` for n
            rows.
        end: Code of the last image, the same shape.
        steps: Images in a row, both ends included; an integer from 2.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the codes differ in shape, or the decoder does not give images.

    Example:
        >>> import aezoo
        >>> from aezoo import plots
        >>> model = aezoo.undercomplete_autoencoder((8, 8, 1), latent_dim=2)
        >>> ax = plots.interpolation(model.get_layer("decoder"), [-1, 0], [1, 0])
    """
    if _positive(steps, "steps") < 2:
        raise ValueError(f"`steps` must be an integer from 2. Received: steps={steps}")
    start, end = _finite(start, "start"), _finite(end, "end")
    if start.shape != end.shape or start.ndim not in (1, 2) or start.size == 0:
        raise ValueError(
            "`start` and `end` must have the same shape, (latent_dim,) or "
            "(n, latent_dim). "
            f"Received: start.shape={start.shape}, end.shape={end.shape}"
        )
    start, end = np.atleast_2d(start), np.atleast_2d(end)
    codes = np.linspace(start, end, steps, axis=1)  # (rows, steps, latent_dim)
    tiles = _decode(decoder, codes.reshape(-1, start.shape[1]))
    return _draw_tiles(tiles, steps, ax)


def diagram(model, *, ax=None):
    r"""Draw the layers of a model from left to right, an autoencoder as an hourglass.

    A bar stands for what a layer gives, with its shape below and, above, what was done
    to get it; the bars' heights grow with the logarithm of the number of values. The
    codes are orange. What only rearranges (`Flatten`, `Reshape`, `Cropping2D`) is left
    out; what resizes (`UpSampling2D`) is written to the layer that follows.

    Args:
        model: A built `keras.Model`, functional or Sequential, such as every builder
            returns. Models inside it are drawn layer by layer; the names of
            `"encoder"` and `"decoder"` are written below their parts.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If it is no such model.

    Example:
        >>> import aezoo
        >>> from aezoo import plots
        >>> model = aezoo.undercomplete_autoencoder((28, 28, 1), latent_dim=32)
        >>> ax = plots.diagram(model)
        >>> [text.get_text() for text in ax.texts][:3]
        ['28×28×1', 'dense\nrelu', '256']
    """
    inputs = getattr(model, "inputs", None)
    if not isinstance(model, keras.Model) or not inputs:
        raise ValueError(
            "`model` must be a built keras.Model, functional or Sequential. "
            f"Received: model={model!r}"
        )
    stages = [{"done": "", "shapes": [inputs[0].shape[1:]], "part": None}]
    _add_stages(model, None, stages)
    places = {part: [] for part in ("encoder", "decoder", None)}
    for place, stage in enumerate(stages):
        places[stage["part"]].append(place)
    encoder = places["encoder"]
    sizes = [[np.log2(1 + np.prod(s)) for s in stage["shapes"]] for stage in stages]
    most = max(sum(heights) for heights in sizes)

    ax = _axes(ax, max(3.5, 0.9 * len(stages)), 2.4)
    before = 0.0
    for place, (stage, heights) in enumerate(zip(stages, sizes, strict=True)):
        half = (sum(heights) / most + 0.05 * (len(heights) - 1)) / 2
        if place:
            x = place - 0.85, place - 0.15, place - 0.15, place - 0.85
            ax.fill(x, (before, half, -half, -before), color="0.93")
            ax.text(place - 0.5, 0.62, stage["done"], ha="center", fontsize=8)
        if place == 0 or (encoder and place < encoder[0]):
            colour = COLOURS[3]  # the data, with noise or without
        elif encoder and place >= encoder[-1] and stage["part"] != "decoder":
            colour = COLOURS[1]  # the codes, and what is drawn from them
        else:
            colour = COLOURS[0]
        bottom = -half
        for height in heights:
            ax.bar(place, height / most, 0.3, bottom, color=colour)
            bottom += height / most + 0.05
        label = "\nand ".join("×".join(map(str, shape)) for shape in stage["shapes"])
        ax.text(place, -0.62, label, ha="center", va="top", fontsize=8)
        before = half
    for part in ("encoder", "decoder"):
        if places[part]:
            middle = (places[part][0] + places[part][-1] - 1) / 2
            ax.text(middle, -1.0, part, ha="center", va="top")
    lines = max(stage["done"].count("\n") + 1 for stage in stages)
    ax.set(xlim=(-0.6, len(stages) - 0.4), ylim=(-1.2, 0.65 + 0.15 * lines))
    ax.set_axis_off()
    return ax


def training_curves(history, *, ax=None):
    """Draw loss and metrics against epochs: training solid, validation dashed.

    Args:
        history: What `model.fit` returns, or its `history` dictionary: the values of
            each quantity, one an epoch. Values that are not finite leave a gap.
        ax: Matplotlib Axes, or None for a new figure.

    Returns:
        The Axes. For a logarithmic axis: `ax.set_yscale("log")`.

    Raises:
        ValueError: If there is nothing to draw, or the lengths differ.

    Example:
        >>> from aezoo import plots
        >>> ax = plots.training_curves({"loss": [3, 2, 1], "val_loss": [4, 3, 3]})
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['loss', 'loss, validation']
    """
    curves = getattr(history, "history", history)
    if not isinstance(curves, dict) or not curves:
        raise ValueError(
            "`history` must be what `model.fit` returns after at least one epoch, or "
            f"its dictionary. Received: history={history!r}"
        )
    curves = {key: np.asarray(values, "float64") for key, values in curves.items()}
    shapes = {key: values.shape for key, values in curves.items()}
    if len(set(shapes.values())) > 1 or any(
        len(shape) != 1 for shape in shapes.values()
    ):
        raise ValueError(
            "`history` must hold one number an epoch for every quantity. "
            f"Received: history with shapes {shapes}"
        )
    quantities = list(dict.fromkeys(key.removeprefix("val_") for key in curves))

    ax = _axes(ax, 5.5, 3.5)
    for index, quantity in enumerate(quantities):
        for key, style, label in (
            (quantity, "-", quantity),
            (f"val_{quantity}", "--", f"{quantity}, validation"),
        ):
            if key in curves:
                values = curves[key]
                ax.plot(
                    np.arange(1, len(values) + 1),
                    np.where(np.isfinite(values), values, np.nan),
                    style,
                    color=COLOURS[index % len(COLOURS)],
                    # A line through one point shows nothing.
                    marker="o" if len(values) == 1 else None,
                    label=label.replace("_", " "),
                )
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(
        xlabel="epoch",
        ylabel=quantities[0].replace("_", " ") if len(quantities) == 1 else "value",
    )
    ax.legend(frameon=False)
    return ax


def _add_stages(model, part, stages):
    """Append what the layers of a model give: what was done, the shapes, the part."""
    resized, source = [], None
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            named = layer.name in ("encoder", "decoder")
            _add_stages(layer, layer.name if named else part, stages)
        elif not isinstance(layer, (keras.layers.InputLayer, keras.layers.Flatten)):
            shape, done = layer.output.shape[1:], _words(layer)
            ours = layer.weights or not type(layer).__module__.startswith("keras.")
            if ours and source is layer.input:  # a second head on the same layer
                stages[-1]["shapes"].append(shape)
            elif ours:
                done = "\n".join(resized + done)
                stages.append({"done": done, "shapes": [shape], "part": part})
                resized, source = [], layer.input
            elif isinstance(layer, _REARRANGE):
                if not resized:
                    stages[-1]["shapes"] = [shape]
            elif shape == layer.input.shape[1:]:  # an activation, a dropout
                stages[-1]["done"] = "\n".join([stages[-1]["done"], *done])
            else:
                resized += done
    if resized:
        stages.append({"done": "\n".join(resized), "shapes": [shape], "part": part})


def _words(layer):
    """The layer's class in words, at most some 12 letters a line, and activation."""
    name = re.sub("[123]D$|Activation$", "", type(layer).__name__)
    name = name.replace("Conv", "Convolution")
    words = re.findall("[A-Z]+(?![a-z])|[A-Z][a-z0-9]+", name)
    words = [word if word.isupper() else word.lower() for word in words]
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return wrap(" ".join(words), 12) + [activation] * (activation != "linear")


def _finite(values, name):
    # Whatever the backend, tensors that carry a gradient and half precision too.
    values = ops.convert_to_numpy(values)
    if values.dtype.kind not in "biuf" and values.dtype.name != "bfloat16":
        raise ValueError(
            f"`{name}` must be an array of numbers. Received: {name}={values!r}"
        )
    values = values.astype("float64")
    if not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` must be finite. Received: {name} with "
            f"{np.count_nonzero(~np.isfinite(values))} values that are NaN or infinite"
        )
    return values


def _positive(value, name):
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return int(value)


def _images(images, name):
    """Return images as (n, height, width, 1 or 3), in [0, 1], or say what is wrong."""
    images = _finite(images, name)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"`{name}` must be images, (n, height, width) or (n, height, width, "
            f"channels) with one or three channels. Received: {name} with the shape "
            f"{images.shape}"
        )
    if np.abs(images).max() > _LARGEST_PIXEL:
        raise ValueError(
            f"`{name}` must have pixels in [0, 1]; divide by 255 if they run to 255. "
            f"Received: {name} from {images.min():.6g} to {images.max():.6g}"
        )
    return images.clip(0, 1)


def _decode(decoder, codes):
    return _images(decoder(codes.astype("float32")), "decoder(codes)")


def _mosaic(tiles, columns, gap):
    """Lay tiles (n, h, w, c) out in rows on white: one image (height, width, c)."""
    count, height, width, channels = tiles.shape
    rows = -(-count // columns)
    mosaic = np.ones(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    )
    for index, tile in enumerate(tiles):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = tile
    return mosaic if channels == 3 else mosaic[..., 0]


def _draw_tiles(tiles, columns, ax, labels=None):
    """Draw tiles with pixel coordinates from the top left corner, and no frame.

    A new figure has room for a title above, and on the left for the rows' labels.
    """
    columns = min(columns, len(tiles))
    gap = max(1, round(tiles.shape[2] / 16))
    mosaic = _mosaic(tiles, columns, gap)
    height, width = mosaic.shape[:2]
    inches = min(columns * _TILE, 8.0, 10.0 * width / height)
    margin = 0.0 if labels is None else 1.2  # inches
    ax = _axes(ax, max(inches + margin, 2.4), inches * height / width + 0.3)
    ax.imshow(mosaic, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    ax.set(xticks=[], yticks=[])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if labels is not None:
        side = tiles.shape[1]
        middles = np.arange(len(labels)) * (side + gap) + side / 2
        ax.set_yticks(middles, labels=labels)
    return ax


def _axes(ax, width, height):
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained", dpi=90)
    return ax
