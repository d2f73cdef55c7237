"""The chain rule of the thesis, Eq 16-17, as printed and with transposes, against autodiff."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.illustrations.descent import (
    chain_rule,
    derivative,
    linear_network_loss,
    relative_error,
)
from spikespeech.report import exhibit, prose

SEEDS = range(10)


def network(seed):
    """Return x (1, 3), W_xh (3, 6), W_hy (6, 3) and the label (1, 3) of Fig 9, at random."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((1, 3), (3, 6), (6, 3), (1, 3))]


def product(*factors):
    """Return the shape of a matrix product as text; "undefined" where the factors do not fit."""
    try:
        return "x".join(map(str, np.linalg.multi_dot(factors).shape))
    except ValueError:
        return "undefined"


def check():
    """Return one row an equation."""
    errors = []
    for seed in SEEDS:
        x, W_xh, W_hy, label = network(seed)
        by_xh, by_hy = chain_rule(x, W_xh, W_hy, label)
        exact_hy = derivative(lambda W: linear_network_loss(x, W_xh, W, label), W_hy)  # noqa: B023
        exact_xh = derivative(lambda W: linear_network_loss(x, W, W_hy, label), W_xh)  # noqa: B023
        errors.append((relative_error(by_hy, exact_hy), relative_error(by_xh, exact_xh)))
    h = x @ W_xh
    dL_dy = 2 * (h @ W_hy - label) / label.size
    worst = np.max(errors, axis=0)
    return pd.DataFrame(
        [
            {
                "equation": "16",
                "gradient_of": "W_hy",
                "shape": "6x3",
                "as_printed": "dL/dy · h",
                "shape_as_printed": product(dL_dy, h),
                "with_transposes": "hᵀ · dL/dy",
                "shape_with_transposes": product(h.T, dL_dy),
                "largest_relative_error": worst[0],
            },
            {
                "equation": "17",
                "gradient_of": "W_xh",
                "shape": "3x6",
                "as_printed": "dL/dy · W_hy · x",
                "shape_as_printed": product(dL_dy, W_hy, x),
                "with_transposes": "xᵀ · (dL/dy · W_hyᵀ)",
                "shape_with_transposes": product(x.T, dL_dy @ W_hy.T),
                "largest_relative_error": worst[1],
            },
        ]
    )


def findings(table):
    """Return sentences on which form is right."""
    undefined = (table["shape_as_printed"] == "undefined").sum()
    return [
        f"As printed, with row vectors, {undefined} of {len(table)} products are undefined.",
        f"With their transposes both have the weights' shape and equal automatic differentiation "
        f"to a relative error of {prose.small(table['largest_relative_error'].max(), 1)} over "
        f"{len(SEEDS)} random networks of 3, 6 and 3 neurons.",
    ]


def main(arguments):
    table = check()
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
