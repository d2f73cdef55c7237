"""Synapses within a layer whose delays end within a stretch of steps, see `own_delays`."""

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.vectors import LANES, NARROW


def listed(steps, weights, n_targets, longest):
    """Return (first, places, values) of the synapses with delays shorter than a stretch.

    Those of source i with the delay d are from first[i * stretch + d] on: where they lead in the
    ring's rows, from the spike's step on, (n,) uint32, and their weights, (n,) float32. Those whose
    weight is 0 add nothing and are left out.

    steps, weights : (n_sources, width)
    """
    (n_sources, width), length = weights.shape, stretch(longest)
    first = np.zeros(n_sources * length + 1, np.uint32)
    steps, weights = steps.reshape(-1), weights.reshape(-1)
    count_near(steps, weights, width, n_targets, first, length)
    places, values = np.empty(first[-1], np.uint32), np.empty(first[-1], np.float32)
    list_near(
        steps, weights, width, n_targets, first, length, rows(longest), places, values
    )  # fmt: skip
    return first, places, values


def stretch(longest):
    """Return how many steps a stretch has, a power of 2: about an eighth of the longest delay.

    So few synapses have shorter delays; and the rows of a stretch stay in the nearer caches.
    """
    return 1 << min(max(round(np.log2(longest / 8)), 3), 5)


def rows(longest):
    """Return for how many steps a ring has rows, a power of 2: a stretch or more."""
    return max(stretch(longest), NARROW)


@kernel
def count_near(steps, weights, width, n_targets, first, length):
    """Write to first[i * length + d] how many synapses, delays below d, are before those of d."""
    n_sources = len(steps) // width
    for i in range(n_sources):
        for j in range(n_targets):
            d = np.int64(steps[i * width + j])
            if d < length and weights[i * width + j] != 0:
                first[i * length + d + 1] += 1
    for n in range(1, len(first)):
        first[n] += first[n - 1]


@kernel
def list_near(steps, weights, width, n_targets, first, length, rows, places, values):
    """Write where in a ring's rows, from the spike's step on, synapses lead, and their weights.

    Those of source i with the delay d are from first[i * length + d] on; see `count_near`.
    """
    n_sources, following = len(steps) // width, np.zeros(length, np.int64)
    for i in range(n_sources):
        following[:] = first[i * length : (i + 1) * length]
        for j in range(n_targets):
            d = np.int64(steps[i * width + j])
            if d < length and weights[i * width + j] != 0:
                at = following[d]
                places[at] = (j // LANES * rows + d) * LANES + j % LANES
                values[at] = weights[i * width + j]
                following[d] = at + 1
