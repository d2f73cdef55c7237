"""The backends of a training, by name: where each lies, where its jobs run, what it takes.

A training finds its backend here by name (`load`), so that the code of one backend is no part of
what trainings with another run. Their rules name `source` beside the script, for the digest of
the code that runs.
"""

import importlib
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """One backend.

    Attributes
    ----------
    path : of its module, within this package; it has a class `Backend`
    options : keywords of that class beside network, weights, loss and regulariser, of threads,
        batch_size, device, delay_rate, constant_rate, slope, gradient_clip and rewiring
    environment : name of the environment of its jobs, `envs/<environment>.yaml`
    section : of the configuration, whose `python` runs its jobs and whose `device` they compute
        on; "" where it is the interpreter of all other jobs
    gpus : how many its jobs ask for
    """

    path: str
    options: tuple
    environment: str = "spikespeech"
    section: str = ""
    gpus: int = 0


BACKENDS = {
    "native": Entry(
        "native.py", ("threads", "delay_rate", "constant_rate", "gradient_clip", "rewiring")
    ),
    "mlgenn": Entry(
        "mlgenn/__init__.py",
        ("batch_size", "device", "delay_rate", "gradient_clip", "rewiring"),
        "mlgenn",
        "mlgenn",
        1,
    ),
    "eprop": Entry("eprop.py", ("threads", "slope", "gradient_clip", "rewiring")),
    "bptt": Entry("bptt.py", ("threads", "slope", "gradient_clip", "rewiring")),
}


def source(name):
    """Return the path of a backend's module."""
    return Path(__file__).parent / BACKENDS[name].path


def load(name):
    """Return the class `Backend` of a backend."""
    module = Path(BACKENDS[name].path).with_suffix("").parts
    parts = [part for part in module if part != "__init__"]
    return importlib.import_module(".".join([__package__, *parts])).Backend


def interpreter(name, config):
    """Return the Python that runs a backend's jobs, by the configuration."""
    section = BACKENDS[name].section
    return config[section]["python"] if section else "python"


def device(name, config):
    """Return what a backend's jobs compute on, by the configuration."""
    section = BACKENDS[name].section
    return config[section]["device"] if section else "cpu"
