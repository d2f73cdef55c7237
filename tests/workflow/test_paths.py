"""Paths that users name: spaces, quotes, and leading dashes that look like options."""

import zipfile

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from pipeline import copy, snakemake

from spikespeech import command
from spikespeech.data.events import read_events

STUDY = {
    "datasets": {
        "own": {
            "source": "audio_folder",
            "folder": """-it's "my" $(audio) & more""",
            "table": """-my 'table' "of".csv""",
            "test_speakers": ["-b's"],
            "channels": 20,
        },
        "fsdd": {"archive": """-an "archive's".tar.gz"""},
        "shd": {"mirror": """-a 'mirror' of "mine\""""},
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a user's recordings, archive and mirror; the latter are wrong."""
    project = copy(tmp_path_factory.mktemp("paths") / '-a "study\'s" copy')
    (project / "odd.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    own = STUDY["datasets"]["own"]
    rng, rows = np.random.default_rng(0), []
    for speaker in ("a", "-b's"):
        for word in ('-ja & "nein"', "what's that"):
            name = f"-{speaker} says '{word}'.wav"
            rows.append({"file": name, "label": word, "speaker": speaker})
            (project / own["folder"]).mkdir(exist_ok=True)
            path = project / own["folder"] / name
            soundfile.write(path, 0.1 * rng.standard_normal(4000), 8000)
    pd.DataFrame(rows).to_csv(project / own["table"], index=False)
    mirror = project / STUDY["datasets"]["shd"]["mirror"]
    mirror.mkdir()
    for archive in (project / STUDY["datasets"]["fsdd"]["archive"], mirror / "shd_train.h5.zip"):
        zipfile.ZipFile(archive, "w").close()
    return project


def make(project, *targets):
    return snakemake(
        project, "--cores", "1", "--configfile", "odd.yaml", "--keep-going", "--", *targets
    )


@pytest.mark.slow
def test_every_kind_of_path(project):
    status, output = make(
        project,
        "results/data/own/train.h5",
        "results/data/fsdd/train.h5",
        "results/data/shd/train.h5",
    )
    assert status != 0 and "Traceback" not in output
    with read_events(project / "results/data/own/test.h5", n_units=20) as events:
        assert events.classes == ('-ja & "nein"', "what's that")
    # The other two got as far as to find what is wrong with the right file.
    archive = STUDY["datasets"]["fsdd"]["archive"]
    assert f"error: {archive}: cannot be read: truncated header" in output
    assert f"error: {STUDY['datasets']['shd']['mirror']}/shd_train.h5.zip: its MD5 is" in output


def test_words_with_a_slash_are_paths():
    parser = command.parser("")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--out")
    parser.add_argument("--python")
    parser.add_argument("-v", action="store_true")
    parsed = parser.parse_args(["-a/b", "--c/d", "-v", "--out", "-o/x", "--python=-p/y"])
    assert parsed.inputs == ["./-a/b", "./--c/d"] and parsed.v
    assert (parsed.out, parsed.python) == ("./-o/x", "-p/y")
    with pytest.raises(SystemExit):
        parser.parse_args(["a", "--ouch=x/y"])
