"""The ratios by which speed and scale are judged, and their targets."""

import numpy as np

TARGETS = {
    "jax": ("{}: JAX over the PyTorch loop", "higher", 1.15),
    "tuned": ("{}: TensorFlow, tuned, over the PyTorch loop", "higher", 1.0),
    "pythae": ("variational: {} over pythae's trainer", "higher", 2.0),
    "penalty": (
        "time with the contraction penalty over time without, {}",
        "lower",
        1.5,
    ),
    "autodiff": (
        "time of a Jacobian by autodiff over the closed form, {}",
        "higher",
        10.0,
    ),
    "files": ("{}: files over array", "higher", 0.9),
}


def judged(target, of, above, below):
    """Return a ratio of median seconds, where half of the rounds lie, and its target.

    Args:
        target: A key of `TARGETS`.
        of: The net or the contender, for the braces.
        above: Seconds, a list over rounds.
        below: Seconds of the same rounds.
    """
    words, better, bound = TARGETS[target]
    measured = np.median(above) / np.median(below)
    half = np.percentile(np.divide(above, below), [25, 75])
    return {
        "what": words.format(of),
        "target": bound,
        "better": better,
        "measured": round(float(measured), 5),
        "half": half.round(5).tolist(),
        "met": bool(measured >= bound if better == "higher" else measured <= bound),
    }
