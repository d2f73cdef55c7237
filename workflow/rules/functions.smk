# What rules of single stages ask while jobs are planned: functions of wildcards and settings. They
# stand apart from the rules, and see the constants at the head of their stage.
import shlex

from spikespeech.backends import registry


def split_settings(wildcards):
    """Who validates on a data set, as JSON text."""
    share = config["datasets"][wildcards.dataset].get("validation_share")
    own = {"validation_share": share} if share else {}
    return configuration.text(config["splits"] | own)


def tables(wildcards):
    """The tables of a network's input delays and of its synapses, where it has any."""
    settings = configuration.settings(config, **wildcards)
    given = [settings["delays"]["input"], *settings["connections"].values()]
    return sorted({own["path"] for own in given if own and own["kind"] == "table"})


def nir_files():
    """NIR files of the networks of the grid; NIR has no delays but a source's."""
    held = []
    for network in GRID:
        given = configuration.settings(config, **network)["delays"].values()
        shapes = {d.get("shape", "source") for d in given if isinstance(d, dict)}
        if shapes <= {"source"}:
            held.append(f"{NETWORK}/network.nir".format(**network))
    return held


def made_by(source, *, valid=None):
    """Data sets that are made so, and have a validation part or not, as a constraint on {dataset}."""
    return (
        "|".join(
            name
            for name, section in config["datasets"].items()
            if datasets.source(name, section) == source
            and valid in (None, name in WITH_VALID)
        )
        or "(?!)"
    )


def outputs(wildcards, output):
    """Options that name the parts that a job writes."""
    return " ".join(f"--{part} {shlex.quote(path)}" for part, path in output.items())


def backend(wildcards):
    """Name of the backend that trains a network."""
    return configuration.settings(config, **wildcards)["backend"]


def environment(name):
    """The environment of a backend's jobs, from the folder of the rules."""
    return f"../../envs/{registry.BACKENDS[name].environment}.yaml"


def searching_backend(wildcards):
    """Name of the backend of the trainings of a search."""
    return STUDIES[wildcards.search].base["backend"]


def binning(wildcards):
    """The grid of binned spikes as JSON text: that of all, or the one which the folder names."""
    grid = config["time"]
    if wildcards.grid:
        steps, dt_ms = wildcards.grid.removesuffix("ms").lstrip("-").split("x")
        grid = {"steps": int(steps), "dt_ms": float(dt_ms)}
    section = config["datasets"][wildcards.dataset]
    return configuration.text(
        {**grid, "channels": datasets.channels(wildcards.dataset, section)}
    )


def recordings(wildcards):
    """Files that a data set of recordings is made from: the user's own, or what is downloaded."""
    own = datasets.local_files(wildcards.dataset, config["datasets"][wildcards.dataset])
    if own or not REGISTRY[wildcards.dataset].files:
        return own
    return f"<results>/data/{wildcards.dataset}/recordings.tar.gz"


def archive(wildcards, input):
    """The option that names the one archive which a data set of the registry comes in."""
    packed = REGISTRY[wildcards.dataset].files
    return f"--archive={shlex.quote(input[0])}" if packed else ""


def searched_size(wildcards):
    """Hidden neurons of the networks that a search trains."""
    return axes.n_hidden(STUDIES[wildcards.search].hidden)


def studied(pattern):
    """Paths `pattern` of the networks that are studied closely."""
    return [pattern.format(**network) for network in STUDIED]


def deployment(*keys):
    """These settings of the deployment as JSON text."""
    return text({key: DEPLOYMENT[key] for key in keys})


def calibration_parts(wildcards):
    """The binned parts that hold validation speakers."""
    return [
        f"<results>/data/{wildcards.dataset}/binned/{part}.h5"
        for part in parts(wildcards.dataset)
        if part != "test"
    ]


def seeds_of(dataset):
    """Axes of the networks that exhibits look into: the first loss, the largest size, all seeds."""
    grid = config["networks"]
    return {
        "dataset": dataset,
        "fold": FOLD,
        "loss": grid["loss"][0],
        "hidden": axes.hidden_label(max(grid["hidden"], key=axes.n_hidden)),
        "topology": grid["topology"][0],
    }


def imported_data(file):
    """The function of an imported network that names a file of its data set."""
    return lambda wildcards: (
        f"<results>/data/{IMPORTS[wildcards.imported]['dataset']}/{file}"
    )


def imported_calibration(wildcards):
    """The binned parts that hold validation speakers of an imported network's data set."""
    dataset = IMPORTS[wildcards.imported]["dataset"]
    return [
        f"<results>/data/{dataset}/binned/{part}.h5"
        for part in parts(dataset)
        if part != "test"
    ]


def imported_deployed(*files):
    """Files of all imported networks as integers, where they are deployed; NIR's of those it holds."""
    return [
        f"{IMPORTED}/{file}".format(imported=name)
        for name, section in IMPORTS.items()
        for file in files
        if config["deployment"]
        and not (file.endswith(".nir") and formats.delays_synapses(section))
    ]
