"""The configuration that ran, one row for each kind of network (Shoesmith et al. 2025, Table I)."""

import pandas as pd

from spikespeech import command
from spikespeech.network import axes
from spikespeech.report import exhibit, prose

SIGNS = {"shift": "±", "warp": "±", "stretch": "±", "band": "≤", "mask": "≤"}


def row(network, label, settings):
    """Return the settings that distinguish kinds of networks, as one row."""
    loss = dict(settings["loss"])
    kinds = [
        name if value is True else f"{name} {SIGNS.get(name, '')}{value:g}"
        for name, value in settings["augmentation"].items()
        if value
    ]
    normalised = ["normalised"] * bool(loss.pop("normalise"))
    del loss["name"]
    share = settings["finetune"]
    tuned = f", fine-tuned for {share:g} of the epochs" if share else ""
    return {
        "dataset": network["dataset"],
        "label": label,
        "loss": network["loss"],
        "window": ", ".join([*(f"{k} {v}" for k, v in loss.items()), *normalised]),
        "hidden": network["hidden"],
        "topology": network["topology"],
        "delays": describe_delays(settings["delays"]),
        "augmentation": " + ".join(kinds) or "none",
        "lambda_upper": settings["regularisation"]["lambda_upper"],
        "lambda_lower": settings["regularisation"]["lambda_lower"],
        "epochs": settings["epochs"],
        "batch": settings["batch_size"],
        "learning_rate": settings["learning_rate"],
        "schedule": settings["schedule"]["kind"],
        "selection": settings["selection"] + tuned,
    }


def describe_delays(settings):
    """Return what delays the connections have: of the input channels, then all others."""
    told = []
    for place, given in settings.items():
        if isinstance(given, dict) and given:
            drawn = f"0 to {given['high']}" if "high" in given else given["path"]
            more = [f"a {given['shape']}"] if "shape" in given else []
            more += ["learned"] * given.get("learned", False)
            where = [] if place == "input" else [f"{place}:"]
            told.append(" ".join([*where, ", ".join([drawn, *more])]))
    return "; ".join(told) or "none"


def tabulate(trained, labels):
    """Return one row for each kind of network, with the number of networks (folds times seeds).

    `trained` has (axes, settings) of each network.
    """
    rows = pd.DataFrame(
        row(network, labels[network["dataset"]], resolved) for network, resolved in trained
    )
    return (
        rows.groupby(list(rows), sort=False, as_index=False)
        .size()
        .rename(columns={"size": "networks"})
    )


def findings(table, settings):
    """Return how many networks there are, and the neurons' constants where all have the same."""
    sentences = [
        f"{prose.count(table['networks'].sum(), 'network')} of {prose.count(len(table), 'kind')}."
    ]
    neurons = [resolved["neuron"] for resolved in settings]
    own = any(any((resolved.get("constants") or {}).values()) for resolved in settings)
    if all(neuron == neurons[0] for neuron in neurons) and not own:
        neuron = neurons[0]
        sentences.append(
            f"All have membranes of {neuron['tau_mem']:g} ms, synapses of {neuron['tau_syn']:g} ms "
            f"and a threshold of {neuron['threshold']:g}."
        )
        if neuron["model"] == "AdaptiveLIF":
            sentences.append(
                f"Each spike raises it by {neuron['strength']:g}, which falls back with "
                f"{neuron['tau_adapt']:g} ms."
            )
    smoothed = alike(resolved["label_smoothing"] for resolved in settings)
    spikes = alike(resolved["regularisation"]["spikes"] for resolved in settings)
    sentences.append(
        f"The regulariser pulls each neuron towards {spikes} spikes an example; of each target a "
        f"share of {smoothed} is spread over all words (label smoothing)."
    )
    return sentences


def alike(values):
    """Return the different values as text: "0.1", "0 or 0.1"."""
    return " or ".join(f"{value:g}" for value in sorted(set(values)))


def main(arguments):
    trained = [axes.of_weights(path) for path in arguments.weights]
    table = tabulate(trained, arguments.labels)
    exhibit.write(arguments, table, findings(table, [settings for _, settings in trained]))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--weights", nargs="+", required=True, help="weights.h5 of each network")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
