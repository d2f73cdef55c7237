"""What others report on SHD and SSC, and how each chose its epoch and hyper-parameters."""

from spikespeech import command
from spikespeech.report import exhibit, prose, published

KINDS = {
    "yes": "a validation split",
    "speakers": "speakers left out",
    "examples": "random examples of the training speakers",
}
"""Values of the column `validation` that leave the test set alone."""


def tabulate():
    """Return one row a published accuracy, and whether its network is like those trained here."""
    table = published.table("state_of_the_art")
    other = table.pop("flaws").str.contains("different_network")
    table.insert(2, "network", other.map({True: "other", False: "plain"}))
    return table


def findings(table):
    """Return the best accuracy of each data set with and without a proper validation split."""
    sentences = []
    for dataset, rows in table.groupby("dataset"):
        best = rows.loc[rows["accuracy_percent"].idxmax()]
        known = []
        for value, kind in KINDS.items():
            own = rows[rows["validation"] == value]
            if len(own):
                top = own.loc[own["accuracy_percent"].idxmax()]
                known.append(f"{kind} {top['accuracy_percent']:.1f} % ({top['method']})")
        sentences.append(
            f"{dataset.upper()}: the best published accuracy is {best['accuracy_percent']:.1f} % "
            f"({best['method']}; validation: {best['validation']}), the best known to have chosen "
            f"on {prose.listed(known)}."
        )
    return sentences


def main(arguments):
    table = tabulate()
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
