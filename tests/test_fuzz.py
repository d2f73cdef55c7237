"""Damaged files and configurations: what is read is sound, or one line says what is wrong.

The search is derandomised: the same damage in every run.
"""

import copy
import datetime
import json
import math
import os
import signal
import traceback
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikespeech import configuration, files, reading
from spikespeech import nir as spikespeech_nir
from spikespeech.data.events import read_events, write_events
from spikespeech.errors import InputError
from spikespeech.importing import nir_graph
from spikespeech.loihi import netx_file
from spikespeech.network import LIF, Network, Parameters, about, load, save
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.trains import bin_file

N_UNITS, N_STEPS = 40, 100
CONFIG = Path(__file__).parents[1] / "config"


def fuzz(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


# Readers, each followed by what must hold of everything that it returns.


def read_shd(path):
    with read_events(path, n_units=N_UNITS) as events:
        examples = list(events)
        assert len(examples) == len(events.labels) == len(events.speakers) > 0
        assert events.labels.min() >= 0 and events.labels.max() < len(events.classes)
        assert events.speakers.min() >= -1
    for times, units in examples:
        assert len(times) == len(units) > 0
        assert np.isfinite(times).all() and times[0] >= 0 and np.all(np.diff(times) >= 0)
        assert units.min() >= 0 and units.max() < N_UNITS


def read_binned(path):
    opened = SpikeTrains.open(path)
    spikes = opened.take(range(len(opened)))
    assert len(spikes.speakers) == len(spikes)
    assert spikes.labels.min(initial=0) >= 0 and spikes.labels.max(initial=-1) < spikes.n_classes
    assert spikes.dt_ms > 0
    for i in range(len(spikes)):
        steps, units = (column.astype(int) for column in spikes.example(i))
        assert steps.max(initial=0) < spikes.n_steps and units.max(initial=0) < spikes.n_units
        assert np.all(np.diff(steps * spikes.n_units + units) > 0)


def read_netx(path):
    layers = netx_file.read(path)
    for before, layer in zip([None, *layers], layers, strict=False):
        assert layer.weight.dtype.kind == "i" and layer.weight.shape == (
            layer.n_units,
            before.n_units if before else layer.n_sources,
        )
        assert layer.weight_rec is None or layer.weight_rec.shape == (layer.n_units,) * 2
        assert 0 <= layer.current_decay <= 4096 and 0 <= layer.voltage_decay <= 4096


def read_weights(path):
    network, weights = load(path)
    assert {name: array.shape for name, array in weights.items()} == network.shapes()
    for array in weights.values():
        assert array.dtype == np.float32 and np.isfinite(array).all()
    assert network.dt_ms > 0
    assert all(np.all(p.neuron.tau_mem > 0) for p in network.populations[1:])
    assert isinstance(about(path), dict)


def read_nir(path):
    graph = nir_graph.read(path)
    with reading.guard(path, "give another network"):  # as `importing.source` does
        _, weights = nir_graph.load(graph)
    assert all(np.isfinite(array).all() for array in weights.values())


READERS = {
    "shd": read_shd,
    "binned": read_binned,
    "netx": read_netx,
    "weights": read_weights,
    "nir": read_nir,
}


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """Paths of sound files, by kind."""
    folder = tmp_path_factory.mktemp("valid")
    paths = {kind: folder / f"{kind}.h5" for kind in READERS}
    rng = np.random.default_rng(0)
    events = [(np.sort(rng.uniform(0, 0.1, 20)), rng.integers(0, N_UNITS, 20)) for _ in range(6)]
    write_events(paths["shd"], events, [0, 1, 2] * 2, [0, 0, 0, 1, 1, 1], ["a", "b", "c"])
    bin_file(paths["shd"], paths["binned"], n_units=N_UNITS, n_steps=N_STEPS)
    hidden = netx_file.Layer(rng.integers(-9, 9, (4, 5)), rng.integers(-9, 9, (4, 4)), 9, 200, 64)
    netx_file.write(paths["netx"], [hidden, netx_file.Layer(hidden.weight[:, :4], None, 9, 9, 64)])
    network = Network.layered(5, 4, 3, neuron=LIF(np.linspace(10, 20, 4)))
    draw = dict.fromkeys(network.shapes(), (0, 0.1))
    weights = Parameters.random(network, rng, **draw)
    save(paths["weights"], network, weights, about={"seed": 1})
    spikespeech_nir.export(network, weights, paths["nir"])
    for kind, path in paths.items():
        READERS[kind](path)
    return paths


def check(kind, path):
    """Read a damaged file; return whether it was found to be damaged."""
    try:
        READERS[kind](path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        return True
    return False


# Damage of bytes. HDF5 itself dies of some of it, so that it is read in a process of its own.


def outcome(kind, path):
    """Read a file in a forked process; return "sound", "refused", "escaped" or "died"."""
    process = os.fork()
    if process == 0:
        status = 2
        try:
            signal.setitimer(signal.ITIMER_PROF, 2)  # of its own time, however busy the machine
            status = int(check(kind, path))
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return "died" if status < 0 else ("sound", "refused", "escaped")[status]


def changeable(content):
    """Return the places of bytes outside of HDF5's global heaps, over which it may hang."""
    inside, at = np.zeros(len(content), np.bool_), -1
    while (at := content.find(b"GCOL", at + 1)) >= 0:
        inside[at : at + int.from_bytes(content[at + 8 : at + 16], "little")] = True
    written = np.frombuffer(content, np.uint8) != 0
    return np.flatnonzero(~inside & written).tolist(), np.flatnonzero(~inside).tolist()


@pytest.mark.parametrize("kind", READERS)
def test_flipped_and_missing_bytes(kind, valid, tmp_path):
    content = valid[kind].read_bytes()
    written, anywhere = changeable(content)
    place = st.sampled_from(written) | st.sampled_from(anywhere)
    flips = st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=4)
    seen = Counter()

    @fuzz(40)
    @given(flips, st.none() | st.integers(0, len(content) - 1))
    def search(flips, end):
        damaged = bytearray(content)
        for place, byte in flips:
            damaged[place] = byte
        path = tmp_path / "damaged.h5"
        path.write_bytes(damaged[:end])
        result = outcome(kind, path)
        assert result != "escaped"
        seen[result] += 1

    search()
    assert seen["refused"] > 15 and seen["died"] <= 3, seen


# Damage of what the file holds, in files that HDF5 takes for sound.

VALUES = [
    *(0, -1, 3, 2**31, 2**63, -(2**63), 1.5, -0.5, 1e300, math.nan, math.inf, 1j, True),
    *("", "a", "\udc80\n", b"\xff\x00", "<script>"),
    np.zeros(0),
    np.zeros((2, 3)),
    np.array(["a", "b"], dtype=h5py.string_dtype()),
    np.array([b"a\n", b"\xff", b"c"]),
    np.array([0, 2**64 - 1], np.uint64),
    np.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]),
    h5py.Empty("f4"),
    h5py.Empty(h5py.string_dtype()),
]
NEW_TYPES = ("f2", "f8", ">f4", "i1", "i8", ">u2", "u8", "S3", "c8", "?")


def put(parent, name, value):
    """Store a value as the data set or attribute `name`; nothing where HDF5 cannot hold it."""
    if name in parent:
        del parent[name]
    try:
        parent[name] = value
    except (TypeError, ValueError, OSError, UnicodeError, OverflowError):
        parent.pop(name, None)


def reshape(value, data):
    """Return a value with other entries, shape or type."""
    how = data.draw(st.sampled_from(["cut", "longer", "deeper", "row", "type", "entry"]))
    if how == "cut":
        return value[:-1]
    if how == "longer":
        return np.concatenate([value, value[-1:]])
    if how == "deeper":
        return value[None]
    if how == "row":
        return value.ravel()
    if how == "type":
        try:
            return value.astype(data.draw(st.sampled_from(NEW_TYPES)))
        except (TypeError, ValueError):
            return value
    entry = data.draw(st.integers(0, value.size - 1))
    other = data.draw(st.sampled_from([0, -1, 1, 99, 2**15, 2**31 - 1, math.nan, math.inf, 1e30]))
    changed = value.copy()
    with np.errstate(all="ignore"):
        try:
            changed.ravel()[entry] = np.array(other).astype(value.dtype)
        except (TypeError, ValueError):
            return value
    return changed


def damage(file, data):
    """Change one thing in an open HDF5 file."""
    names = ["/"]
    file.visit(names.append)
    held = [(file[name].attrs, key) for name in names for key in file[name].attrs]
    held += [(file, name) for name in names[1:]]
    parent, name = data.draw(st.sampled_from(held))
    old = parent[name]
    old = old[()] if isinstance(old, h5py.Dataset) else old
    how = data.draw(st.sampled_from(["reshape", "value", "remove", "group", "row"]))
    rows = isinstance(old, np.ndarray) and isinstance(h5py.check_vlen_dtype(old.dtype), np.dtype)
    if how == "reshape" and rows:
        at = data.draw(st.integers(0, len(old) - 1))
        parent[name][at] = reshape(old[at], data).ravel()
    elif how == "reshape" and isinstance(old, np.ndarray) and old.size:
        put(parent, name, reshape(old, data))
    elif how == "remove":
        del parent[name]
    elif how == "group" and parent is file:
        del file[name]
        file.create_group(name)
    elif how == "row":
        rows = np.empty(len(old) if np.ndim(old) else 1, object)
        rows[:] = [np.array([0.5, 0.25], data.draw(st.sampled_from(["f4", "u2", "i8"])))] * len(
            rows
        )
        put(parent, name, rows.astype(h5py.vlen_dtype(rows[0].dtype)))
    else:
        put(parent, name, data.draw(st.sampled_from(VALUES)))


@pytest.mark.parametrize("kind", READERS)
def test_other_contents(kind, valid, tmp_path):
    content = valid[kind].read_bytes()
    seen = Counter()

    @fuzz(80)
    @given(st.data())
    def search(data):
        path = tmp_path / "damaged.h5"
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            damage(file, data)
        seen[check(kind, path)] += 1

    search()
    assert seen[True] > 20, seen


def test_a_full_machine_is_not_blamed_on_the_file(valid, monkeypatch):
    """What the system says, it says in its own words and without advice to fetch the file again."""

    def denied(*_, **__):
        raise PermissionError(13, "Unable to synchronously open file (a long story)")

    monkeypatch.setattr(h5py, "File", denied)
    for kind, path in valid.items():
        with pytest.raises(InputError) as caught:
            READERS[kind](path)
        assert str(caught.value) == f"{path}: cannot be read: Permission denied"


# Damage of text

TEXTS = {
    "json": (files.write_json, {"bits": 8, "words": ["eins", "“zwei”"], "inputs": {"x": 0.5}}),
    "csv": (files.write_csv, pd.DataFrame({"word": ["a", "b,\n“c”"], "n": 1, "accuracy": 0.5})),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_damaged_text(kind, tmp_path):
    path = tmp_path / f"sound.{kind}"
    write, held = TEXTS[kind]
    write(path, held)
    content = path.read_bytes()
    names = list(held)
    flips = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    inserted = st.binary(max_size=3) | st.sampled_from([b'"', b"\n", b",", b"{", b"\xef\xbb\xbf"])
    seen = Counter()

    @fuzz(300)
    @given(flips, inserted, st.none() | st.integers(0, len(content) - 1))
    def search(flips, inserted, end):
        damaged = bytearray(content)
        for place, byte in flips:
            damaged[place] = byte
        path.write_bytes(inserted + damaged[:end])
        try:
            if kind == "json":
                found = reading.read_json(path, keys=names)
            else:
                found = reading.read_csv(path, columns=names)
        except InputError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            seen["refused"] += 1
            return
        assert set(names) <= set(found)
        seen["sound"] += 1

    search()
    assert seen["refused"] > 100 and seen["sound"] > 2, seen


# Configurations

ODD = [
    *(None, True, 0, -1, 1, 3, 10**30, 0.5, -1e300, math.nan, math.inf),
    *("", "a", "main", "sum", "\x00", "a\nb", "\udc80", "[", "${x}", "{x}", "<results>"),
    *([], [None], [[]], ["sum", "sum"], [1, "a"], {}, {"a": 1}, {1: 2}, {None: []}),
    *(datetime.date(2026, 1, 1), b"a", {"type": "real"}, {"when": {}, "set": {}}),
]


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner:
        if isinstance(below, dict | list):
            yield from places(below, (*path, key))
        else:
            yield (*path, key)


def read_config(name):
    config = yaml.safe_load((CONFIG / "config.yaml").read_text())
    configuration.update(config, yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))
    return config


@pytest.mark.parametrize("name", ["config", "paper", "fsdd"])
def test_odd_configurations(name):
    original = read_config(name)
    everywhere = list(places(original))
    seen = Counter()

    @fuzz(80)
    @given(st.data())
    def search(data):
        config = copy.deepcopy(original)
        for path in data.draw(st.lists(st.sampled_from(everywhere), min_size=1, max_size=2)):
            config = changed(config, path, data)
        try:
            configuration.check(config)
        except InputError as error:
            assert str(error).startswith("configuration: ") and "\n" not in str(error)
            seen["refused"] += 1
            return
        seen["sound"] += 1
        for network in configuration.networks(config):
            json.loads(configuration.text(configuration.settings(config, **network)))

    search()
    assert seen["refused"] > 30 and seen["sound"] > 2, seen


def changed(config, path, data):
    value = data.draw(st.sampled_from(ODD))
    if not path:
        return value if data.draw(st.integers(0, 9)) == 0 else config
    parent = config
    for key in path[:-1]:
        try:
            parent = parent[key]
        except (TypeError, LookupError):
            return config  # another change took it away
    key = path[-1]
    how = data.draw(st.sampled_from(["value", "remove", "add"]))
    if how == "add" and isinstance(parent, dict):
        parent[data.draw(st.sampled_from(["other", "", "A b", "seed", 7, None]))] = value
    elif how == "add" and isinstance(parent, list):
        parent.append(value)
    elif how == "remove" and isinstance(parent, dict | list):
        try:
            del parent[key]
        except LookupError:
            return config
    elif isinstance(parent, dict) or (isinstance(parent, list) and key < len(parent)):
        parent[key] = value
    return config
