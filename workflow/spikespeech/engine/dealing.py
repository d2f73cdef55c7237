"""How a batch is dealt to shares, and work to threads."""

import numpy as np

from spikespeech.engine import arrays

SHARES = 8
"""A batch's examples go to at most so many shares, each with its own sum of gradients, whatever the
number of threads. Threads take shares from a queue, and the sums are added in order of the shares.
So the order of every sum, and every byte, is the same for any number of threads, of which up to
SHARES can work."""


def shares(n):
    """Return into how many shares a batch of n goes.

    Each has its own sum, as large as the weights, to begin, to keep in the cache and to add: one of
    few examples is not worth it. So a batch of 32 keeps four threads busy, one of 64 eight.
    """
    return min(-(-n // arrays.GROUP), SHARES)


def balanced(load, n_shares):
    """Deal examples to shares of about equal load: the heaviest first, there and back again.

    Returns (order, first): share s has the examples order[first[s] : first[s + 1]].
    """
    turn = np.arange(len(load)) % (2 * n_shares)
    share = np.minimum(turn, 2 * n_shares - 1 - turn)
    by_share = np.argsort(share, kind="stable")
    order = np.argsort(-load, kind="stable")[by_share]
    return order, np.searchsorted(share[by_share], np.arange(n_shares + 1))


def part(start, end, thread, threads):
    """Return the thread's part of range(start, end)."""
    return tuple(start + (end - start) * n // threads for n in (thread, thread + 1))
