"""Each figure shows the right picture in the right place, and refuses the wrong one."""

import types
import warnings

import matplotlib

matplotlib.use("agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import aezoo
from aezoo import plots

rng = np.random.default_rng(0)
GREY = rng.random((7, 6, 5))
COLOUR = rng.random((7, 6, 5, 3))
CODES = rng.normal(size=(40, 2))
CURVES = {"loss": [3.0, 2.0, 1.5], "val_loss": [3.5, 2.5, 2.0]}

EVERY_FIGURE = {
    "reconstructions": lambda **ax: plots.reconstructions(GREY, 1 - GREY, **ax),
    "image_grid": lambda **ax: plots.image_grid(GREY, **ax),
    "filters": lambda **ax: plots.filters(rng.normal(size=(30, 12)), (6, 5), **ax),
    "codes_2d": lambda **ax: plots.codes_2d(CODES, np.arange(40) % 3, **ax),
    "latent_manifold": lambda **ax: plots.latent_manifold(one_pixel, **ax),
    "interpolation": lambda **ax: plots.interpolation(one_pixel, [0, 0], [1, 1], **ax),
    "training_curves": lambda **ax: plots.training_curves(CURVES, **ax),
    "diagram": lambda **ax: plots.diagram(small_autoencoder(), **ax),
}


@pytest.fixture
def repeatable():
    """Nothing here is random, nor a Keras model to clear away after each test."""


@pytest.fixture(autouse=True)
def no_warning_and_no_figure_left():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


def one_pixel(codes):
    """A decoder whose 1x1 image tells both numbers of its code."""
    return (0.5 + 0.1 * codes[:, 0] + 0.01 * codes[:, 1]).reshape(-1, 1, 1)


def small_autoencoder():
    return aezoo.undercomplete_autoencoder((6, 5, 1), latent_dim=2, hidden_units=(7,))


def shown(ax):
    return np.asarray(ax.get_images()[0].get_array())


def pixel_at(ax, x, y):
    """The pixel that the Axes shows at data coordinates (x, y)."""
    image = ax.get_images()[0]
    left, right, bottom, top = image.get_extent()
    rows, columns = shown(ax).shape[:2]
    row = int((y - top) / (bottom - top) * rows)
    column = int((x - left) / (right - left) * columns)
    return shown(ax)[row, column]


@pytest.mark.parametrize("name", EVERY_FIGURE)
def test_it_draws_in_the_axes_it_is_given_or_in_a_small_new_figure(name, tmp_path):
    ax = EVERY_FIGURE[name]()
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.figure.axes == [ax]
    assert ax.get_title() == ""
    ax.set_title("title")
    ax.figure.savefig(tmp_path / "figure.png")
    height, width = plt.imread(tmp_path / "figure.png").shape[:2]
    assert height < 1000 and width < 1000

    _, (left, right) = plt.subplots(1, 2)
    assert EVERY_FIGURE[name](ax=right) is right
    assert right.has_data() and not left.has_data()
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("images", [GREY, GREY[..., np.newaxis], COLOUR])
def test_originals_stand_over_their_reconstructions(images):
    ax = plots.reconstructions(images, images / 2, count=3)
    drawn = shown(ax)
    expected = images[..., 0] if images.shape[-1] == 1 else images
    assert drawn.shape[:2] == (6 + 1 + 6, 5 + 1 + 5 + 1 + 5)
    np.testing.assert_array_equal(drawn[:6, :5], expected[0])
    np.testing.assert_array_equal(drawn[:6, 12:], expected[2])
    np.testing.assert_array_equal(drawn[7:, 6:11], expected[1] / 2)
    assert (drawn[6] == 1).all() and (drawn[:, 5] == 1).all()  # the gaps are white
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == ["original", "reconstruction"]
    assert ax.get_yticks().tolist() == [3, 10]  # the middles of the rows
    image = ax.get_images()[0]
    assert image.get_clim() == (0, 1)  # never stretched to the darkest and brightest


def test_fewer_images_than_asked_for_are_all_drawn():
    assert shown(plots.reconstructions(GREY[:2], GREY[:2])).shape == (13, 11)
    assert shown(plots.image_grid(GREY[:2])).shape == (6, 11)


def test_a_grid_runs_along_rows_and_leaves_white_at_its_end():
    drawn = shown(plots.image_grid(COLOUR, columns=3))
    assert drawn.shape == (6 * 3 + 2, 5 * 3 + 2, 3)
    np.testing.assert_array_equal(drawn[7:13, :5], COLOUR[3])
    np.testing.assert_array_equal(drawn[14:, :5], COLOUR[6])
    assert (drawn[14:, 6:] == 1).all()


def test_each_row_of_a_grid_has_its_label():
    ax = plots.image_grid(GREY, columns=3, labels=["a", "b", "c"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_yticks().tolist() == [3, 10, 17]  # the middles of the rows
    for labels in (["a"], []):
        with pytest.raises(ValueError, match=r"`labels` must .*Received: labels="):
            plots.image_grid(GREY, columns=3, labels=labels)


def test_what_a_model_gives_is_drawn_on_every_backend(mixed_precision):
    # On PyTorch its tensors carry gradients; in mixed precision codes are halves.
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(30, "sigmoid")])
    model.add(keras.layers.Reshape((6, 5, 1)))
    codes = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras' own
        halves = model(codes)
        assert keras.backend.standardize_dtype(halves.dtype) == model.compute_dtype
        drawn = shown(plots.image_grid(halves, columns=1))
        expected = keras.ops.convert_to_numpy(keras.ops.cast(halves, "float32"))
        np.testing.assert_array_equal(drawn[:6], expected[0, ..., 0])
        plots.latent_manifold(model, size=3)
        plots.interpolation(model, codes[0], codes[1])


def test_a_little_overshoot_is_clipped():
    drawn = shown(plots.image_grid([[[-0.6, 0.25, 1.5]]]))
    np.testing.assert_array_equal(drawn, [[0, 0.25, 1]])


def test_filters_show_columns_each_on_its_own_symmetric_scale():
    kernel = np.zeros((6, 3))
    kernel[:, 0] = [-2, 0, 1, 2, 0, 0]
    kernel[:, 1] = 1e-3 * kernel[:, 0]
    drawn = shown(plots.filters(kernel, (2, 3, 1)))
    first, second, dead = drawn[:, :3], drawn[:, 4:7], drawn[:, 8:]
    np.testing.assert_array_equal(first, second)
    red, blue = first[..., 0], first[..., 2]
    assert blue[0, 0] > red[0, 0]  # negative
    assert red[0, 2] > blue[0, 2] and red[1, 0] > blue[1, 0]  # positive
    white = plt.get_cmap("RdBu_r")(0.5)[:3]
    np.testing.assert_allclose(first[0, 1], white)
    np.testing.assert_allclose(dead, np.broadcast_to(white, dead.shape))


def test_colour_filters_are_grey_where_they_do_not_look():
    kernel = np.zeros((2 * 2 * 3, 1))
    kernel[:3, 0] = [4, -4, 2]
    drawn = shown(plots.filters(kernel, (2, 2, 3)))
    np.testing.assert_allclose(drawn[0, 0], [1, 0, 0.75])
    np.testing.assert_allclose(drawn[1, 1], [0.5, 0.5, 0.5])


@pytest.mark.parametrize("classes", [range(10), ["boot", "shirt"]])
def test_a_class_has_the_colour_that_its_legend_says(classes):
    labels = np.array(list(classes) * 4)
    ax = plots.codes_2d(rng.normal(size=(len(labels), 2)), labels)
    colours = [to_hex(colour) for colour in ax.collections[0].get_facecolors()]
    handles, texts = ax.get_legend().legend_handles, ax.get_legend().get_texts()
    legend = {
        text.get_text(): to_hex(handle.get_color())
        for handle, text in zip(handles, texts, strict=True)
    }
    assert list(legend) == [str(label) for label in classes]
    assert len(set(legend.values())) == len(classes)
    assert colours == [legend[str(label)] for label in labels]


def test_codes_are_drawn_where_they_are():
    ax = plots.codes_2d(CODES)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), CODES)
    assert ax.get_legend() is None


def test_many_labels_are_a_scale_with_a_colour_bar():
    ax = plots.codes_2d(CODES, CODES[:, 0])
    np.testing.assert_array_equal(ax.collections[0].get_array(), CODES[:, 0])
    assert ax.get_legend() is None
    assert len(ax.figure.axes) == 2


def test_the_manifold_shows_each_code_at_its_coordinates():
    ax = plots.latent_manifold(one_pixel, size=5, limits=((-2, 2), (-1, 3)))
    for code in [(-2, -1), (-2, 3), (1, 0), (2, 3)]:
        expected = one_pixel(np.array([code]))[0, 0, 0]
        assert pixel_at(ax, *code) == pytest.approx(expected)
    assert ax.get_xlabel() == "code 1" and ax.get_ylabel() == "code 2"


def test_images_of_the_manifold_keep_their_proportions():
    ax = plots.latent_manifold(
        lambda codes: np.zeros((len(codes), 8, 4)), size=3, limits=((0, 2), (0, 40))
    )
    ax.figure.canvas.draw()
    box = ax.get_window_extent()
    assert box.height / box.width == pytest.approx(2, rel=0.02)


def test_interpolation_is_the_straight_line_between_both_codes():
    drawn = shown(plots.interpolation(one_pixel, [0, 1], [2, 1], steps=5))
    np.testing.assert_allclose(drawn[0, ::2], [0.51, 0.56, 0.61, 0.66, 0.71])


def test_pairs_of_codes_are_rows():
    drawn = shown(
        plots.interpolation(one_pixel, [[0, 0], [1, 0]], [[1, 0], [3, 0]], steps=3)
    )
    np.testing.assert_allclose(drawn[0, ::2], [0.5, 0.55, 0.6])
    np.testing.assert_allclose(drawn[2, ::2], [0.6, 0.7, 0.8])


@pytest.mark.parametrize("wrap", [dict, lambda h: types.SimpleNamespace(history=h)])
def test_curves_are_solid_in_training_and_dashed_in_validation(wrap):
    ax = plots.training_curves(wrap({**CURVES, "squared_error": [1, float("nan"), 3]}))
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert list(lines) == ["loss", "loss, validation", "squared error"]
    training, validation = lines["loss"], lines["loss, validation"]
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert training.get_color() == validation.get_color()
    assert training.get_color() != lines["squared error"].get_color()
    assert training.get_xdata().tolist() == [1, 2, 3]
    assert validation.get_ydata().tolist() == CURVES["val_loss"]
    assert ax.get_xlabel() == "epoch"


NAN = np.full_like(GREY, np.nan)


@pytest.mark.parametrize(
    ("function", "arguments", "received"),
    [
        (plots.image_grid, (GREY[0],), "images"),
        (plots.image_grid, (COLOUR[..., :2],), "images"),
        (plots.image_grid, (GREY[:0],), "images"),
        (plots.image_grid, (255 * GREY,), "images"),
        (plots.image_grid, (NAN,), "images"),
        (plots.image_grid, (["a"],), "images"),
        (plots.reconstructions, (GREY, GREY[:3]), "x.shape="),
        (plots.reconstructions, (GREY, COLOUR), "x.shape="),
        (plots.reconstructions, (GREY, NAN), "reconstruction"),
        (plots.filters, (np.ones((30, 4)), (5, 5)), "weights.shape="),
        (plots.filters, (np.ones(30), (6, 5)), "weights.shape="),
        (plots.filters, (np.full((30, 4), np.nan), (6, 5)), "weights"),
        (plots.filters, (np.ones((30, 4)), (30,)), "input_shape="),
        (plots.codes_2d, (np.ones((4, 3)),), "codes.shape="),
        (plots.codes_2d, (np.full((4, 2), np.nan),), "codes"),
        (plots.codes_2d, (CODES, [1, 2]), "labels.shape="),
        (plots.codes_2d, (CODES, [f"person {i}" for i in range(40)]), "labels"),
        (plots.interpolation, (one_pixel, [0, 1], [0, 1, 2]), "start.shape="),
        (plots.interpolation, (one_pixel, [0, np.nan], [0, 1]), "start"),
        (plots.interpolation, (lambda codes: codes, [0, 1], [1, 1]), "decoder"),
        (plots.latent_manifold, (lambda codes: codes,), "decoder"),
        (plots.training_curves, ({},), "history="),
        (plots.training_curves, ({"loss": [1, 2], "val_loss": [1]},), "history"),
    ],
)
def test_what_cannot_be_drawn_is_refused(function, arguments, received):
    with pytest.raises(
        ValueError, match=rf"must (be|have|hold) .*\. Received: .*{received}"
    ):
        function(*arguments)
    assert not plt.get_fignums()  # and leaves no empty figure behind


@pytest.mark.parametrize(
    ("function", "arguments", "options"),
    [
        (plots.image_grid, (GREY,), {"columns": 0}),
        (plots.reconstructions, (GREY, GREY), {"count": 2.5}),
        (plots.latent_manifold, (one_pixel,), {"size": 1}),
        (plots.latent_manifold, (one_pixel,), {"limits": (-2, 2)}),
        (plots.latent_manifold, (one_pixel,), {"limits": ((2, -2), (0, 1))}),
        (plots.interpolation, (one_pixel, [0, 1], [1, 1]), {"steps": 1}),
    ],
)
def test_options_out_of_range_are_refused_by_name(function, arguments, options):
    with pytest.raises(
        ValueError, match=rf"must be .*\. Received: {next(iter(options))}="
    ):
        function(*arguments, **options)


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_diagram_tells_what_each_layer_does_and_gives():
    said = words(plots.diagram(small_autoencoder()))
    assert said[:9] == [
        "6×5×1", "dense\nrelu", "7", "dense", "2", "dense\nrelu", "7",
        "dense\nsigmoid", "6×5×1",
    ]  # fmt: skip
    assert sorted(said[9:]) == ["decoder", "encoder"]


def test_diagram_has_a_bar_for_each_stage_and_the_codes_stand_out():
    ax = plots.diagram(small_autoencoder())
    bars = [patch for container in ax.containers for patch in container]
    assert [bar.get_x() + bar.get_width() / 2 for bar in bars] == pytest.approx(
        range(5)
    )
    heights = [bar.get_height() for bar in bars]
    np.testing.assert_allclose(
        np.array(heights) / heights[0],
        np.log2([31, 8, 3, 8, 31]) / np.log2(31),
    )
    colours = [to_hex(bar.get_facecolor()) for bar in bars]
    assert [i for i, c in enumerate(colours) if c == plots.COLOURS[1]] == [2]


def test_diagram_shows_two_heads_noise_and_what_is_drawn_between():
    model = aezoo.variational_autoencoder((6, 5), latent_dim=3, hidden_units=(7,))
    ax = plots.diagram(model)
    assert words(ax)[3:8] == [
        "dense",
        "3\nand 3",
        "gaussian\nsampling",
        "3",
        "dense\nrelu",
    ]
    model = aezoo.denoising_autoencoder((6, 5), latent_dim=3)
    said = words(plots.diagram(model))
    assert said[:4] == ["6×5", "masking\ncorruption", "6×5", "dense\nrelu"]


def test_diagram_of_convolutions_and_of_a_sequential_model():
    said = words(plots.diagram(aezoo.convolutional_autoencoder((9, 7, 3))))
    assert said[0] == said[-3] == "9×7×3"
    assert "up sampling\nconvolution\nrelu" in said
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.Activation("gelu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    assert words(plots.diagram(model)) == [
        "8×8×3", "convolution\ngelu", "6×6×4", "max pooling\ndense\nsoftmax", "10",
    ]  # fmt: skip


def test_diagram_refuses_what_it_cannot_draw():
    for wrong in (None, np.zeros(3), keras.Sequential([keras.layers.Dense(3)])):
        with pytest.raises(ValueError, match=r"built keras\.Model.*Received: model="):
            plots.diagram(wrong)
