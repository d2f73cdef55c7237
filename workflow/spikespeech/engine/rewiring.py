"""Deep rewiring (DeepR, Bellec et al. 2018): synapses of no use make room for others.

Each pair of neurons has a sign. After a batch weights shrink a little (an L1 term), synapses whose
weight has crossed its pair's sign are removed, and as many others, of pairs that are drawn at
random, begin with a weight of 0. They are rewired after each batch, not each epoch: of these
others half are pushed to the wrong side at once, and would in an epoch come to be of use there.
"""

from typing import NamedTuple

import numpy as np

SALT = 0x72657769
"""With a training's seed, that of the pairs that are drawn."""

L1 = 0.01
"""By how much weights shrink in a batch, as a share of the learning rate. Where a gradient has one
sign for long, Adam moves its weight by the rate itself. Added to gradients, as by mlGeNN, the term
would be all that Adam sees of most synapses, whose gradients are far smaller than the largest."""


class Rewiring(NamedTuple):
    """What is rewired of a network.

    Attributes
    ----------
    signs : by name of the weights of each connection that is, those of its pairs, (source, target)
        float32 of 1 and -1
    seed : int, of all draws
    """

    signs: dict[str, np.ndarray]
    seed: int


def shrink(weights, signs, mask, rate):
    """Bring weights nearer to 0 by `L1` times the rate, or beyond it, in place.

    weights, signs, mask : (source, target) float32; the mask is 1 where there is a synapse, else 0
    """
    weights -= np.float32(L1 * rate) * (signs * mask)


def replaced(mask, removed, recurrent, stream):
    """Return the mask with others in place of the synapses `removed`.

    The others are drawn from all pairs that then have none.

    Parameters
    ----------
    mask, removed : (source, target) bool
    recurrent : whether to leave out pairs of a neuron with itself, but those `removed`
    stream : non-negative integers from which the draw follows
    """
    mask = mask & ~removed
    free = ~mask
    if recurrent:
        np.fill_diagonal(free, np.diag(removed))
    places = np.flatnonzero(free)
    rng = np.random.default_rng([SALT, *stream])
    drawn = rng.choice(len(places), np.count_nonzero(removed), replace=False, shuffle=False)
    mask.reshape(-1)[places[drawn]] = True
    return mask
