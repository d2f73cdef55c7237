"""What others report on SHD and SSC, and how each chose its epoch and hyper-parameters."""

from spikespeech import command
from spikespeech.report import exhibit, published


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
        proper = rows[rows["validation"] == "yes"]
        honest = proper.loc[proper["accuracy_percent"].idxmax()]
        sentences.append(
            f"{dataset.upper()}: the best published accuracy is {best['accuracy_percent']:.1f} % "
            f"({best['method']}; validation: {best['validation']}), the best known to have chosen "
            f"on a validation split {honest['accuracy_percent']:.1f} % ({honest['method']})."
        )
    return sentences


def main(arguments):
    table = tabulate()
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
