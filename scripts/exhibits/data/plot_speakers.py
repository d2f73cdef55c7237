"""Which speakers are trained on, which choose the epoch, and which only the test hears."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.forms import INDEX
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose

SIDES = {"train": plots.BLUE, "validation": plots.ORANGE, "test": plots.VERMILLION}
PURPOSES = {"train": "to train on", "validation": "to validate on", "test": "to test on"}
HATCHES = {"train": "", "validation": "..", "test": "//"}
MAX_SPEAKERS = 40
"""More speakers than this are counted, not drawn one by one."""


def tabulate(split, dataset, label, fold):
    """Return the number of examples of each speaker on each side."""
    counts = split.groupby(["speaker", "side"]).size().rename("examples").reset_index()
    return counts.assign(dataset=dataset, label=label, fold=fold)[
        ["dataset", "label", "fold", "speaker", "side", "examples"]
    ]


@plots.style()
def draw(table):
    """Return the figure: examples of each speaker in each fold, a panel for each fold."""
    folds = list(table.groupby(["dataset", "fold"], sort=False))
    figure, grid = plots.subplots(len(folds), height=0.4 + 2.1 * len(folds), squeeze=False)
    for (axes,), ((_, fold), rows) in zip(grid, folds, strict=True):
        counts = rows.pivot_table(
            index="speaker", columns="side", values="examples", aggfunc="sum", fill_value=0
        ).reindex(columns=list(SIDES), fill_value=0)
        if len(counts) > MAX_SPEAKERS:
            counts = (counts > 0).sum().to_frame().T
            axes.set(yticks=[], ylabel="Speakers")
        bottom = np.zeros(len(counts))
        for side, color in SIDES.items():
            axes.bar(
                range(len(counts)),
                counts[side],
                bottom=bottom,
                color=color,
                hatch=HATCHES[side],
                edgecolor=plots.PAPER,
                linewidth=0.5,
                label=side,
            )
            bottom += counts[side].to_numpy()
        axes.set_xticks(range(len(counts)), [str(s) if s >= 0 else "?" for s in counts.index])
        axes.set(ylabel="Examples", title=f"{rows['label'].iloc[0]}, fold {fold}")
        axes.grid(False, axis="x")
    grid[-1, 0].set_xlabel("Speaker")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def findings(table):
    """Return a sentence for each fold; its speakers by side, and who is heard in the test only."""
    sentences = []
    for (_, fold), rows in table.groupby(["dataset", "fold"], sort=False):
        sides = {side: set(rows.loc[rows["side"] == side, "speaker"]) for side in SIDES}
        sums = rows.groupby("side")["examples"].sum()
        parts = [
            f"{prose.count(int(sums.get(side, 0)), 'example')} of "
            f"{prose.count(len(speakers), 'speaker')} {PURPOSES[side]}"
            for side, speakers in sides.items()
            if speakers
        ]
        unseen = sides["test"] - sides["train"] - sides["validation"]
        sentences.append(
            f"{rows['label'].iloc[0]}, fold {fold}: {prose.listed(parts)}; "
            f"{prose.count(len(unseen), 'test speaker')} heard nowhere else, "
            f"{len(sides['train'] & sides['validation'])} shared by training and validation."
        )
    return sentences


def main(arguments):
    tables = []
    for path in arguments.splits:
        split = read_csv(path, columns={"speaker": INDEX, "side": frozenset(SIDES)})
        dataset, fold = exhibit.place(path)
        tables.append(tabulate(split, dataset, arguments.labels[dataset], fold))
    table = pd.concat(tables)
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--splits", nargs="+", required=True, help="<data set>/splits/<fold>.csv")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
