"""What the engine, its integers and its files were compared with, and how closely they agree."""

from spikespeech import command
from spikespeech.report import exhibit, prose, published


def findings(table):
    """Return how many comparisons there are, and how they are run again."""
    exact = table["agreement"].str.startswith("equal").sum()
    return [
        f"{prose.count(len(table), 'comparison')} stand in the project's tests, {exact} of them "
        "exact; make check runs them again.",
    ]


def main(arguments):
    table = published.table("verification")
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
