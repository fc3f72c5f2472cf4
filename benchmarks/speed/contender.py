"""What the contenders share: the images and the way they are asked.

A contender is a program of one library, since a process has one Keras backend. It reads
tasks from stdin, a line of JSON each, and answers with a line of JSON.
"""

import json
import sys
import time

import aezoo


def load_images():
    """Return the training digits, `(60000, 28, 28, 1)`, in [0, 1]."""
    (x_train, _), _ = aezoo.datasets.load_mnist()
    return x_train


def answer(prepare):
    """Serve until stdin ends.

    `prepare(net, images)` returns the number of weights and a function that trains
    once through that many images, or multiplies matrices, and returns the mean loss.
    A task names both and how often to repeat it; what is prepared is kept.
    """
    replies, sys.stdout = sys.stdout, sys.stderr  # libraries print too
    prepared = {}
    for line in sys.stdin:
        task = json.loads(line)
        key = task["net"], task["images"]
        if key not in prepared:
            prepared[key] = prepare(*key)
        weights, train = prepared[key]
        start = time.perf_counter()
        for _ in range(task["epochs"]):
            loss = train()
        seconds = time.perf_counter() - start
        reply = {"seconds": seconds, "loss": float(loss), "weights": weights}
        print(json.dumps(reply), file=replies, flush=True)
