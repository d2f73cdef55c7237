"""From the study's configuration to the settings of each job.

The configuration is checked against `workflow/schemas/` (`spikespeech.schema`) and for what no
schema can say. Every job then gets its own leaf settings only, so that a change of one setting
reruns the jobs that depend on it and no others.
"""

import copy
import itertools
import json
import os

from spikespeech import losses, schema
from spikespeech.errors import InputError, nearest
from spikespeech.importing import formats
from spikespeech.methods.registry import ASKED, TRAINING_METHODS
from spikespeech.network.axes import AXES, hidden_label, hidden_layers
from spikespeech.training.delays import of_channels
from spikespeech.training.settings import Settings


def check(config):
    """Raise InputError, naming the key, unless `config` is a valid configuration.

    It is completed in place: text that stands where the schema wants a number is that number, as
    Snakemake takes nested values of `--config` for text and YAML 1.1 does `1e-3`; a window's table
    is read from its file; a search has what it takes from another.
    """
    schema.check_plain(config)
    try:
        _complete_searches(config)
    except InputError as error:
        raise InputError(f"configuration: {error}") from None
    schema.check(config)
    try:
        _complete_losses(config)
        _check_names(config)
        _check_imports(config)
        _check_settings(config)
        _check_methods(config)
    except InputError as error:
        raise InputError(f"configuration: {error}") from None


def _complete_searches(config):
    """Give each search that is `like` another what it does not say itself; `set` is merged.

    What is no search at all is left to the schema.
    """
    searches = config.get("search") if isinstance(config, dict) else None
    searches = searches if isinstance(searches, dict) else {}

    def complete(name, followers):
        section = searches[name]
        if not (isinstance(section, dict) and "like" in section):
            return section
        other, where = section["like"], f"search.{name}.like"
        if not (isinstance(other, str) and isinstance(searches.get(other), dict)):
            raise InputError(f"{where}: {other!r} is not defined{nearest(other, searches)}")
        if other in followers:
            raise InputError(f"{where}: {other!r} is itself like {name!r}")
        own = {key: value for key, value in section.items() if key != "like"}
        merged = copy.deepcopy(complete(other, {*followers, name})) | own
        base = searches[other].get("set")
        if isinstance(base, dict) and isinstance(own.get("set"), dict):
            merged["set"] = copy.deepcopy(base)
            update(merged["set"], own["set"])
        searches[name] = merged
        return merged

    for name in list(searches):
        complete(name, {name})


def _complete_losses(config):
    table = config["losses"].get("table") or {}
    if isinstance(table.get("values"), str):
        table["values"] = losses.read_table(table["values"])


def _check_names(config):
    known = {"dataset": config["datasets"], "loss": config["losses"]}
    named = [(f"networks.{axis}", axis, config["networks"][axis]) for axis in known]
    for i, override in enumerate(config["overrides"]):
        when = override["when"]
        named += [
            (f"overrides.{i}.when.{axis}", axis, [when[axis]]) for axis in known if axis in when
        ]
    for where, axis, names in named:
        for name in names:
            if name not in known[axis]:
                raise InputError(f"{where}: {name!r} is not defined{nearest(name, known[axis])}")


def _check_imports(config):
    for name, section in config["networks"]["import"].items():
        where = f"networks.import.{name}"
        for key, known in (("dataset", config["datasets"]), ("loss", config["losses"])):
            if section[key] not in known:
                raise InputError(
                    f"{where}.{key}: {section[key]!r} is not defined{nearest(section[key], known)}"
                )
        try:
            formats.check(section)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def _check_settings(config):
    """Refuse settings with which no training of a network could start."""
    steps = config["time"]["steps"]
    for network in networks(config):
        parsed = Settings.parse(settings(config, **network), "training")
        losses.make(**parsed.loss, n_steps=steps)


def _check_methods(config):
    section = config["methods"] or {"train": []}
    for method in section["train"]:
        if method not in section["trials"]:
            raise InputError(f"methods.trials: {method!r} is missing", hint="say what it tries")
    if shared := set(section.get("seeds", [])) & set(section.get("trial_seeds", [])):
        raise InputError(
            f"methods.trial_seeds: {min(shared)} is one of methods.seeds, too",
            hint="try settings with other seeds than those whose trainings are scored",
        )
    if len({trials(section, method) for method in section["train"]}) > 1:
        raise InputError("methods.trials: each method must have as many trials as the others")
    asked = _asked(config, section) if section["train"] else set()
    for method in section["train"]:
        if unable := asked & set(TRAINING_METHODS[method].without):
            raise InputError(
                f"methods.train: {method} has no {ASKED[min(unable)]}",
                hint=f"leave {method} out, change `training`, or set methods: null",
            )


def _asked(config, section):
    """Return which of `ASKED` the networks of the comparison of methods are to have."""
    first = {axis: config["networks"][axis][0] for axis in ("dataset", "topology")}
    named = {key: section[key] for key in ("loss", "hidden")}
    parsed = Settings.parse(settings(config, **first, **named, seed=0), "training")
    late = parsed.delays
    asked = {
        "delays": set(late) != {"input"} or bool(late["input"] and not of_channels(late)),
        "constants": bool(parsed.constants),
        "learned": "learning_rate" in parsed.constants,
        "connections": bool(parsed.connections),
    }
    return {name for name, given in asked.items() if given}


def trials(section, method):
    """Return how many trials a training method makes, see `methods.task.search`."""
    return 1 + sum(len(values) - 1 for values in section["trials"][method].values())


def networks(config):
    """Return the grid of networks to train, one dictionary of wildcards each."""
    grid = dict(config["networks"])
    grid["hidden"] = [hidden_label(hidden) for hidden in grid["hidden"]]
    return [
        dict(zip(AXES, values, strict=True))
        for values in itertools.product(*(grid[axis] for axis in AXES))
    ]


def network(wildcards):
    """Return the axes of one network, as `networks` lists them, from a rule's wildcards."""
    found = {axis: getattr(wildcards, axis) for axis in AXES}
    return found | {"hidden": hidden_label(found["hidden"]), "seed": int(found["seed"])}


def settings(config, *, dataset, loss, hidden, topology, seed, **_):
    """Return the resolved settings of one network: the defaults, the overrides that match, itself.

    An override applies where all keys of its `when` equal the network's wildcards; later ones
    win over earlier ones.
    """
    hidden = hidden_layers(hidden)
    own = {"dataset": dataset, "loss": loss, "hidden": hidden, "topology": topology}
    resolved = copy.deepcopy(dict(config["training"]))
    for override in config["overrides"]:
        if all(own[key] == value for key, value in override["when"].items()):
            update(resolved, override["set"])
    resolved["loss"] = loss_settings(config, loss)
    resolved |= {"hidden": hidden, "recurrent": topology == "recurrent", "seed": int(seed)}
    return resolved


def loss_settings(config, loss):
    """Return the resolved settings of a loss: its name and all that `losses.make` takes."""
    own = config["losses"][loss] or {}
    return {"name": loss, "normalise": config["normalise_losses"], **own}


def imported(config, name):
    """Return the settings of the job that imports the network `name`."""
    section = config["networks"]["import"][name]
    return {"network": section, "loss": loss_settings(config, section["loss"])}


def write_out_home(config):
    """Replace a leading ~ in the paths of the configuration by the user's home."""
    sections = [*(config.get("datasets") or {}).values(), config, config.get("mlgenn")]
    sections.append(config.get("pathvars"))
    sections += ((config.get("networks") or {}).get("import") or {}).values()
    for section in sections:
        for key, value in section.items() if isinstance(section, dict) else ():
            if isinstance(value, str) and value.startswith("~"):
                section[key] = os.path.expanduser(value)  # noqa: PTH111 - text stays text


def update(target, changes):
    """Merge nested `changes` into `target`."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            update(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def text(value):
    """Return settings as JSON with sorted keys: equal settings are equal text."""
    return json.dumps(value, sort_keys=True)
