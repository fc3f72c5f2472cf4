"""The sizes of what is measured for speed."""

BATCH_SIZE = 128
MATRIX = 3000  # side of the square matrices whose product gives the peak speed
STRENGTH = 0.1  # of the contraction penalty
WIDTHS = (512, 1024, 2048, 4096)  # to see how the cost grows
# Of the encoder's layers, convolutions by their filters; the decoder mirrors them.
SIZES = {
    "shallow": (256, 32),
    "deep": (1000, 500, 250, 30),
    "contractive": (1000,),
    "without penalty": (1000,),
    "autodiff": (1000,),
    "variational": (500, 500, 50),
    "convolutional": (32, 64, 32),
    **{f"width-{width}": (width, 32) for width in WIDTHS},
}
