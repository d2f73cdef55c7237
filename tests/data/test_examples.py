"""The examples of config/README.md, one for each kind of data, tried as they stand there."""

import copy
import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import yaml
from scripts.data import convert_audio, download, import_spikes, import_tonic, split, synthesise

from spikespeech import configuration
from spikespeech.data import datasets
from spikespeech.data.events import read_events, write_events
from spikespeech.importing import formats
from spikespeech.spikes import planning

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "config/README.md").read_text("utf-8"), re.M | re.S
)
EXAMPLES, OTHERS = {}, []
for _block in map(yaml.safe_load, BLOCKS):
    if "datasets" in _block:
        (_name,) = _block["datasets"]
        EXAMPLES[_name] = _block
    else:
        OTHERS.append(_block)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder that holds what the examples name, small."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)

    def wav(name):
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(400), 8000)

    for word in ("ja", "nein"):
        for take in range(4):
            wav(f"nameless/{word}/{take}.wav")
            for speaker in ("ann", "bob", "cat"):
                wav(f"words/{word}/{speaker}_{take}.wav")
                wav(f"listed/{word}-{speaker}-{take}.wav")
    rows = [
        f"{word}-{speaker}-{take}.wav;{word};{speaker};{'test' if speaker == 'cat' else 'train'}"
        for word in ("ja", "nein")
        for speaker in ("ann", "bob", "cat")
        for take in range(4)
    ]
    (folder / "data/listed.csv").write_text("file;label;speaker;part\n" + "\n".join(rows) + "\n")
    for word in ("yes", "no", "up", "down", "bed"):
        for speaker in ("0a7c2a8d", "1b00a1aa", "2c00b2bb"):
            wav(f"speech_commands/{word}/{speaker}_nohash_0.wav")
    wav("speech_commands/_background_noise_/dishes.wav")
    for part, speaker in (("validation", "1b00a1aa"), ("testing", "2c00b2bb")):
        lines = [f"{word}/{speaker}_nohash_0.wav\n" for word in ("yes", "no", "up", "down", "bed")]
        (folder / f"data/speech_commands/{part}_list.txt").write_text("".join(lines))
    (folder / "data/recorded").mkdir()
    for part, classes in (("train", ("ja", "nein")), ("test", ("nein", "ja"))):
        spikes = [([0.1, 0.2], [1, 63])] * 4
        path = folder / f"data/recorded/{part}.h5"
        write_events(path, spikes, [0, 1, 0, 1], [-1] * 4, classes)
        with h5py.File(path, "r+") as file:
            file["extra/speaker"] = np.array(["ann", "ann", "bob", "bob"], h5py.string_dtype())
    for part, n in datasets.REGISTRY["shd"].sizes.items():
        with h5py.File(folder / f"data/shd_{part}.h5", "w") as file:
            times = file.create_dataset("spikes/times", n, h5py.vlen_dtype(np.float16))
            units = file.create_dataset("spikes/units", n, h5py.vlen_dtype(np.uint16))
            times[:] = [np.array([0.5], np.float16)] * n
            units[:] = [np.array([7], np.uint16)] * n
            file["labels"] = np.arange(n) // 12 % 20
            file["extra/speaker"] = np.arange(n) % 12
            file["extra/keys"] = np.array(datasets.DIGITS, h5py.string_dtype())
        (folder / "data/heidelberg").mkdir(exist_ok=True)
        (folder / f"data/shd_{part}.h5").rename(folder / f"data/heidelberg/shd_{part}.h5")
    (folder / "data/tonic/NTIDIGITS18").mkdir(parents=True)
    with h5py.File(folder / "data/tonic/NTIDIGITS18/n-tidigits.hdf5", "w") as file:
        for part in ("train", "test"):
            ids = [f"{speaker}-a-{digit}" for speaker in ("ae", "bo") for digit in "1z"]
            file[f"{part}_labels"] = np.array(ids, "S")
            for name in ids:
                file[f"{part}_timestamps/{name}"] = np.sort(rng.random(30))
                file[f"{part}_addresses/{name}"] = rng.integers(0, 64, 30)
    return folder


def study(name):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
    configuration.update(config, copy.deepcopy(EXAMPLES[name]))
    configuration.check(config)
    return config


def test_the_example_of_networks_that_others_trained_is_valid():
    [example] = OTHERS
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
    configuration.update(config, copy.deepcopy(example))
    configuration.check(config)
    sections = config["networks"]["import"].values()
    assert [formats.kind(section) for section in sections] == ["mlgenn", "nir", "netx"]


def make(name, section, out):
    """Write the parts of a data set as its rule does; return their paths."""
    parts = {part: out / f"{part}.h5" for part in datasets.parts(name, section)}
    paths = dict.fromkeys(datasets.PARTS) | parts
    source = datasets.source(name, section)
    if source == "synthesise":
        synthesise.main(Namespace(settings=section, threads=1, **parts))
    elif source == "audio":
        how = {"dataset": name, "archive": None, "threads": 1, **paths}
        convert_audio.main(Namespace(settings=section | {"channels": 16}, **how))
    elif source == "tonic":
        import_tonic.main(Namespace(name=name, settings=section, **paths))
    for part, path in parts.items():
        if source == "spikes":
            files = [Path(section[p]) for p in parts]
            how = {"parts": files, "channels": section["channels"], "out": path}
            import_spikes.main(Namespace(file=Path(section[part]), **how))
        elif source == "download":
            how = {"dataset": name, "part": part, "settings": section, "out": path}
            download.main(Namespace(**how))
    return list(parts.values())


@pytest.mark.parametrize(
    "name, classes, sides",
    [
        ("digits", ("zero", "one", "null", "eins"), {"train": 22, "validation": 11, "test": 15}),
        ("shd", datasets.DIGITS, {"train": 6796, "validation": 1360, "test": 2264}),
        ("words", ("ja", "nein"), {"train": 8, "validation": 8, "test": 8}),
        ("commands", ("yes", "no", "up", "down"), {"train": 4, "validation": 4, "test": 4}),
        ("nameless", ("ja", "nein"), {"train": 4, "validation": 2, "test": 2}),
        ("listed", ("ja", "nein"), {"train": 8, "validation": 8, "test": 8}),
        ("recorded", ("ja", "nein"), {"train": 2, "validation": 2, "test": 4}),
        ("ntidigits", (*"o123456789z",), {"train": 2, "validation": 2, "test": 4}),
    ],
)
def test_an_example_becomes_a_split(data, tmp_path, monkeypatch, name, classes, sides):
    monkeypatch.chdir(data)
    config = study(name)
    planning.check(config)
    section = config["datasets"][name]
    if name == "digits":
        section["channels"] = 16
    files = make(name, section, tmp_path)
    for file in files:
        with read_events(file) as events:
            assert events.classes == classes
    share = section.get("validation_share")
    how = config["splits"] | ({"validation_share": share} if share else {})
    split.main(Namespace(parts=files, fold="main", settings=how, out=tmp_path / "main.csv"))
    rows = split.splits.read(tmp_path / "main.csv")
    counts = rows["side"].value_counts().to_dict()
    if name == "words":  # a tenth of eight recordings of each speaker is drawn
        assert counts == {"train": 7, "validation": 7, "test": 10}
    else:
        assert counts == sides


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    sections = {
        "words": {"folder": "~/words", "pattern": "~/{label}.wav"},
        "shd": {"mirror": None},
        "ssc": {"mirror": "https://a.org/~b"},
    }
    datasets.expand_home(sections)
    assert sections["words"] == {"folder": "/home/ann/words", "pattern": "~/{label}.wav"}
    assert [sections[name]["mirror"] for name in ("shd", "ssc")] == [None, "https://a.org/~b"]


def test_every_kind_of_data_has_an_example():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
    sources = {block["datasets"][n].get("source", n) for n, block in EXAMPLES.items()}
    assert {*datasets.SOURCES, "digits", "fsdd", "shd"} == sources
    assert {*config["datasets"]} <= {*EXAMPLES, "ssc"}


@pytest.mark.slow
def test_the_examples_are_planned(data, tmp_path):
    for name, block in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(block, allow_unicode=True))
        command = [sys.executable, "-m", "snakemake", "-n", "-q", "--snakefile", ROOT / "Snakefile"]
        files = ["--configfile", tmp_path / f"{name}.yaml"]
        subprocess.run([*command, *files], cwd=data, check=True, env=os.environ)


@pytest.mark.parametrize(
    "name, change, problem",
    [
        ("words", {"datasets": {"words": {"pattern": "{label}/{take}.wav", "test_speakers": []}}},
         "datasets.words: no example has a speaker.*validation_share"),
        ("words", {"datasets": {"words": {"folder": "none"}}}, "none: datasets.words: is no"),
        ("words", {"datasets": {"words": {"test_speakers": ["kat"]}}}, "did you mean 'cat'"),
        ("words", {"splits": {"validation_speakers": ["cat"]}}, r"known: 0 \(ann\), 1 \(bob\)"),
        ("words", {"networks": {"fold": ["speaker-dan"]}}, "speaker dan is not in"),
        ("words", {"splits": {"validation_speakers": 2}}, "2 validation speakers of 2"),
        ("nameless", {"networks": {"fold": ["speaker-1"]}}, "is not split by speakers"),
        ("digits", {"splits": {"validation_speakers": [3]}}, "speaker 3 is not in"),
        ("digits", {"splits": {"validation_speakers": 3}}, "3 validation speakers of 3"),
        ("digits", {"networks": {"fold": ["speaker-12"]}}, "speaker 12 is not in"),
        ("digits", {"pathvars": {"results": "/dev/null"}}, "/dev/null is no folder"),
        ("digits", {"pathvars": {"results": "a/" + 300 * "b"}}, "a name of 300 bytes"),
        ("digits", {"pathvars": {"results": "a/{dataset}"}}, r"takes \{ for a wildcard"),
        ("fsdd", {"splits": {"validation_speakers": ["theo"]}}, "speaker theo is not in"),
        ("recorded", {"splits": {"validation_speakers": ["cat"]}}, "speaker cat is not in"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_while_jobs_are_planned(data, monkeypatch, name, change, problem):
    monkeypatch.chdir(data)
    config = study(name)
    configuration.update(config, change)
    with pytest.raises(planning.InputError, match=problem) as caught:
        configuration.check(config)
        planning.check(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "section, problem",
    [
        (
            {"folder": "x"},
            r"datasets.words.*source.*audio_folder, .*spike_file, .*tonic|'source' is a",
        ),
        ({"source": "audio_file", "folder": "x"}, "audio_folder"),
    ],
)
def test_a_section_without_a_source_is_told_so(section, problem):
    config = study("digits")
    config["datasets"]["words"] = section
    with pytest.raises(planning.InputError, match=problem):
        configuration.check(config)


def test_a_published_name_with_a_source_is_told_what_to_do():
    config = study("digits")
    config["datasets"]["shd"] = {"source": "spike_file", "train": "a.h5", "test": "b.h5"}
    with pytest.raises(planning.InputError, match=r"datasets.shd.*published data set's"):
        configuration.check(config)
