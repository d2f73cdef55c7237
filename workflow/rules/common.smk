# What every stage shares: the checked configuration, what it asks for, and functions of it.
import yaml

from spikespeech import configuration, provenance
from spikespeech.data import datasets
from spikespeech.data.datasets import REGISTRY
from spikespeech.importing import formats
from spikespeech.losses import LOSSES
from spikespeech.network import axes
from spikespeech.spikes import planning

# One network's folder, and where its jobs log.
NETWORK = "<results>/networks/{dataset}/{fold}/{loss}/{hidden}-{topology}/seed-{seed}"
NETWORK_LOG = NETWORK.replace("<results>", "<results>/logs")

if Path(provenance.__file__).resolve().parents[2] != ROOT:
    raise WorkflowError(
        f"another checkout's library is in use: {provenance.__file__} instead of {ROOT}"
    )

DEFAULTS = ROOT / "config/config.yaml"
try:
    for file in workflow.configfiles:
        schema.check_file(file)
    # A module is given what differs from the defaults.
    given, config = config, yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
    configuration.update(config, given)
    configuration.write_out_home(config)
    configuration.check(config)
    datasets.expand_home(config["datasets"])
    if workflow.is_main_process:
        planning.check(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

# Snakemake has taken these from the configuration as they are written.
workflow.pathvars.items |= {
    name: path
    for name, path in (config.get("pathvars") or {}).items()
    if workflow.pathvars.items.get(name, "").startswith("~")
}

GRID = configuration.networks(config)
DATASETS = list(config["networks"]["dataset"])
FOLD = config["networks"]["fold"][0]

# What figures call a data set: says so where its speech is synthetic.
LABELS = {dataset: REGISTRY[dataset].label for dataset in DATASETS}


def parts(dataset):
    """Parts of a data set: train, test and perhaps valid."""
    return datasets.parts(dataset, config["datasets"][dataset])


def code(*files):
    """Digest of scripts, all project modules that they import, and data that lies with the code.

    Reruns follow the meaning of code and the content of data.
    """
    return provenance.fingerprint(*(ROOT / file for file in files))


def settings(wildcards):
    """Resolved training settings of one network, as JSON text."""
    return configuration.text(configuration.settings(config, **wildcards))


def text(value):
    """Any other job's settings as JSON text (a function, since Snakemake would fill its braces)."""
    return lambda wildcards: configuration.text(value)


def networks(pattern, **chosen):
    """Paths `pattern` of every network in the grid, or of those on the `chosen` axes."""
    return [
        pattern.format(**network)
        for network in GRID
        if all(network[axis] == value for axis, value in chosen.items())
    ]


# A profile with `default-resources: mem_mb: 0` asks no memory for any job.
MEMORY_UNASKED = (
    getattr(
        (workflow.resource_settings.default_resources or {}).get("mem_mb"), "raw", None
    )
    == 0
)


def memory(
    megabytes,
    neuron=0,
    hidden=lambda wildcards: axes.n_hidden(wildcards.hidden),
):
    """Memory of a job, of it `neuron` MB for each of `hidden` neurons; a retry asks for more.

    The size of its data does not come into it, as spikes stay on disk: tests/workflow/scale.py measures the
    jobs of a network at SSC's size, of which these are one and a half times as much or more.
    """
    return lambda wildcards, attempt: (
        0
        if MEMORY_UNASKED
        else attempt * (megabytes + int(neuron and neuron * hidden(wildcards)))
    )


wildcard_constraints:
    dataset="[a-z0-9_]+",
    part="train|valid|test",
    fold="main|speaker-[^/]+",
    loss="|".join(LOSSES),
    hidden="[0-9]+(x[0-9]+)*",
    topology="recurrent|feedforward",
    seed="[0-9]+",
    grid="|-[0-9]+x[0-9.]+ms",
