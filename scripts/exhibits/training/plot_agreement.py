"""Do the native engine and mlGeNN agree? Their difference at equal weights, and two trainings."""

from spikespeech import command, files
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.reading import read_csv
from spikespeech.report import plots, prose

LINES = {
    "native": {"color": plots.BLUE, "linestyle": "-", "label": "native engine"},
    "mlgenn": {"color": plots.ORANGE, "linestyle": "--", "label": "mlGeNN"},
}
TABLE = {"quantity": None, "loss": None, "relative": Number(gaps=True)}
HISTORIES = {"backend": None, "seed": COUNT, "epoch": COUNT, "validation_accuracy": SHARE}
FLOOR = 1e-9
"""Where the logarithmic axis puts what is exactly equal."""


def curves(histories):
    """Return mean, lowest and highest validation accuracy over seeds, by backend and epoch."""
    grouped = histories.groupby(["backend", "epoch"], sort=False)["validation_accuracy"]
    return grouped.agg(mean="mean", low="min", high="max").reset_index()


@plots.style()
def draw(table, histories):
    """Return the figure: relative deviations left, learning curves right."""
    figure, (left, right) = plots.subplots(1, 2, height=2.6, width_ratios=(1, 1.1))
    quantities = list(dict.fromkeys(table["quantity"]))
    for loss, rows in table.groupby("loss", sort=False):
        style = plots.loss_line(loss) | {"linestyle": "none"}
        heights = [quantities.index(quantity) for quantity in rows["quantity"]]
        left.plot(rows["relative"].clip(lower=FLOOR), heights, label=loss, **style)
    left.set(xscale="log", xlim=(FLOOR / 2, 1), xlabel="Largest difference / largest value")
    left.set_yticks(range(len(quantities)), quantities)
    left.invert_yaxis()
    ticks = [FLOOR, 1e-6, 1e-3, 1]
    left.set_xticks(ticks, ["equal", "$10^{-6}$", "$10^{-3}$", "1"])
    left.minorticks_off()
    left.legend(loc="upper right")
    for backend, curve in curves(histories).groupby("backend", sort=False):
        values = (100 * curve[column] for column in ("mean", "low", "high"))
        plots.band(right, curve["epoch"], *values, **LINES[backend])
    right.set(xlabel="Epoch", ylabel="Validation accuracy (%)", ylim=(0, None))
    right.legend(loc="lower right")
    return figure


def findings(table, histories):
    """Return how far the backends are apart, at equal weights and after training."""
    spikes = table[table["quantity"] == "hidden spikes"]
    gradients = table[table["quantity"].str.startswith("gradient")]
    worst = gradients.loc[gradients["relative"].idxmax()]
    last = histories[histories["epoch"] == histories["epoch"].max()]
    final = last.pivot(index="seed", columns="backend", values="validation_accuracy")
    apart = 100 * (final["mlgenn"] - final["native"])
    accuracies = {name: f"{100 * final[name].mean():.1f} %" for name in LINES}
    versions = table.iloc[0]
    return [
        f"{spikes['differing'].sum():,} of {prose.count(spikes['nonzero'].sum(), 'hidden spike')} "
        "differ, and output voltages by at most "
        f"{table.loc[table['quantity'] == 'output voltages', 'deviation'].max():.1g}.",
        f"Gradients differ by at most {worst['relative']:.1g} of the largest "
        f"({worst['quantity']}, {worst['loss']}).",
        f"After {prose.count(last['epoch'].iloc[0], 'epoch')} mlGeNN has a validation accuracy of "
        f"{accuracies['mlgenn']} and the native engine one of {accuracies['native']} (mean of "
        f"{prose.count(len(final), 'seed')}; mlGeNN is {apart.min():+.1f} to {apart.max():+.1f} "
        "points from it, by seed).",
        f"PyGeNN {versions['pygenn']}, ml_genn {versions['ml_genn']}, GeNN's backend "
        f"{versions['genn_backend']}.",
    ]


def main(arguments):
    table = read_csv(arguments.table, columns=TABLE)
    histories = read_csv(arguments.histories, columns=HISTORIES)
    plots.save(draw(table, histories), arguments.figure)
    files.write_text(arguments.finding, " ".join(findings(table, histories)) + "\n")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--table", required=True, help="agreement.csv")
    parser.add_argument("--histories", required=True, help="agreement_training.csv")
    parser.add_argument("--figure", required=True, help="SVG to write; a PNG beside it")
    parser.add_argument("--finding", required=True, help="text to write: what the numbers say")
    command.run(main, parser.parse_args())
