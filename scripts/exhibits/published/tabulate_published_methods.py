"""Ways of training spiking networks: what each is, what it needs, what is published on speech."""

from spikespeech import command
from spikespeech.report import exhibit, prose, published

NEVER = "not run"


def findings(table):
    """Return which methods this report has, and whose accuracies compare."""
    run = table.loc[table["here"] != NEVER, "method"]
    return [
        f"Of {prose.count(len(table), 'method')} that the thesis and its sources name, this "
        f"report runs, draws or derives {len(run)}: {prose.listed(run)}.",
        "Accuracies are of different networks and protocols, but for those of the OTPE study.",
    ]


def main(arguments):
    table = published.table("methods")
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
