"""Damaged JSON and CSV files: one line names the file and the hint, whichever script reads it."""

import errno
import json
import re

import h5py
import made_up
import numpy as np
import pandas as pd
import pytest

from spikespeech import files, reading
from spikespeech.errors import InputError
from spikespeech.search import trials

RECORD = {
    "proposer": "initial",
    "seed": 1,
    "round": 1,
    "trial": 1,
    "point": {"hidden": 4},
    "settings": {},
    "status": "ok",
    "reason": "",
    "objective": 0.5,
    "accuracy": 0.5,
    "spikes": 9.0,
    "parameters": 99,
}
TABLE = pd.DataFrame({"word": ["eins", "zwei,\n“drei”", ""], "n": [1, 2, 3], "accuracy": 0.125})
ENTRY = made_up.NETWORKS[0]
LABELS = ("--labels", json.dumps({"noise": made_up.LABEL}))
OUT = ("--table", "out.csv", "--finding", "out.txt")
FIGURE = (*OUT, "--figure", "out.svg")

DAMAGE = {
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "cut": lambda content: content[: len(content) // 2].rstrip(b"\n"),
    "garbled": lambda content: b"\xff\x00\xfe" + content[3:],
    "another": lambda content: b"[]\n",
}


def given(value):
    return ("--settings", json.dumps(value))


EVALUATIONS = ("--evaluations", "evaluations.csv")
COLLECT = (
    *("training/collect.py", "--history", "history.csv", "--evaluation", "evaluation.json"),
    *LABELS,
    *("--histories", "histories.csv", *EVALUATIONS),
)
ACCURACY = ("exhibits/results/plot_accuracy.py", *EVALUATIONS, "--linear", "linear.csv")
BEST = (
    *(
        "search/best.py",
        "--trials",
        "trial-1.json",
        *given({"search": "s", "proposer": "random", "seed": 1}),
    ),
    *("--table", "out.csv", "--best", "out.json"),
)
GROUPS = (
    "exhibits/results/plot_groups.py",
    *EVALUATIONS,
    *("--evaluation", "evaluation.json", "--predictions", "predictions.csv"),
    *LABELS,
)
DEPLOYMENT = (
    "exhibits/deployment/plot_deployment.py",
    *EVALUATIONS,
    "--fixed-point",
    "fixed_point.json",
)
CONFUSION = (
    *("exhibits/results/plot_confusion.py", *EVALUATIONS, "--predictions", "predictions.csv"),
    *("--binned", "data/noise/binned/test.h5"),
)
INFERENCE = (
    "exhibits/cost/tabulate_inference_cost.py",
    *EVALUATIONS,
    "--cost",
    "cost.csv",
    *LABELS,
)
METHOD = (
    *("methods/stdp.py", "data/noise/binned/train.h5", "--split", "data/noise/splits/main.csv"),
    *(*given({}), "--trials", '{"x": [1]}', "--trial-epochs", "1"),
    *("--trial-seeds", "1", "--seeds", "2"),
)
READ = [
    ("history.csv", COLLECT),
    ("evaluation.json", COLLECT),
    ("evaluations.csv", (*ACCURACY, *FIGURE)),
    ("linear.csv", (*ACCURACY, *FIGURE)),
    ("evaluations.csv", (*GROUPS, *FIGURE)),
    ("evaluation.json", (*GROUPS, *FIGURE)),
    ("predictions.csv", (*GROUPS, *FIGURE)),
    ("fixed_point.json", (*DEPLOYMENT, *FIGURE)),
    ("predictions.csv", (*CONFUSION, *FIGURE)),
    ("cost.csv", (*INFERENCE, *OUT)),
    (
        "histories.csv",
        ("exhibits/training/plot_learning_curves.py", "--histories", "histories.csv", *FIGURE),
    ),
    (
        "data/noise/splits/main.csv",
        (
            "exhibits/data/plot_speakers.py",
            "--splits",
            "data/noise/splits/main.csv",
            *LABELS,
            *FIGURE,
        ),
    ),
    ("trial-1.json", BEST),
    ("trial-1.time.json", BEST),
    ("proposal.time.json", BEST),
    ("trials.csv", ("exhibits/search/tabulate_search_best.py", "--trials", "trials.csv", *OUT)),
    ("data/noise/splits/main.csv", (*METHOD, "--out", "out.json")),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with what the scripts of READ read, all of it sound."""
    folder = tmp_path_factory.mktemp("results")
    made_up.write_networks(folder)
    for path in made_up.folder_of(folder, ENTRY).iterdir():
        path.rename(folder / path.name)
    files.write_json(folder / "trial-1.json", RECORD)
    for name in ("trial-1.time.json", "proposal.time.json"):
        files.write_json(folder / name, {"cpu_seconds": 1.5})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made_up.run(*COLLECT)
        made_up.run(*BEST[:-4], "--table", "trials.csv", "--best", "best.json")
        made_up.run(
            *("training/collect_linear.py", *EVALUATIONS, "--predictions", "predictions.csv"),
            *("--records", "linear/noise/main.json", "--readouts", "linear/noise/main.csv"),
            *("--table", "linear.csv"),
        )
    return folder


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("name", "command"), READ, ids=[f"{c[0]}-{n}" for n, c in READ])
def test_scripts_name_a_damaged_file_in_one_line(name, command, damage, results, monkeypatch):
    monkeypatch.chdir(results)
    path = results / name
    sound = path.read_bytes()
    path.write_bytes(DAMAGE[damage](sound))
    try:
        with pytest.raises(SystemExit) as stopped:
            made_up.run(*command)
    finally:
        path.write_bytes(sound)
    said = stopped.value.code
    assert re.fullmatch(rf"error: {re.escape(name)}: .+ \(delete it and run again\)", said), said
    assert not list(results.glob("out.*"))


def test_no_beginning_of_a_file_passes_for_the_whole(tmp_path):
    """But for tables that end with a line: no reader can tell how many there should be."""
    whole = {"a.json": tmp_path / "a.json", "a.csv": tmp_path / "a.csv"}
    files.write_json(whole["a.json"], RECORD)
    files.write_csv(whole["a.csv"], TABLE)
    assert reading.read_json(whole["a.json"], keys=[*RECORD]) == RECORD
    read = reading.read_csv(whole["a.csv"], columns=TABLE.columns, keep_default_na=False)
    pd.testing.assert_frame_equal(read, TABLE)
    for reader, path in ((reading.read_json, "a.json"), (reading.read_csv, "a.csv")):
        content = whole[path].read_bytes()
        end = len(content.rstrip(b"\n"))
        for cut in range(end):
            whole[path].write_bytes(content[:cut])
            if path == "a.csv" and _rows(content[:cut]):
                assert len(reader(whole[path])) < len(TABLE)
                continue
            with pytest.raises(InputError) as caught:
                reader(whole[path])
            assert str(caught.value).startswith(f"{whole[path]}: ")
            assert "\n" not in str(caught.value)


def _rows(content):
    """Whether a CSV file ends with a line, and not inside of a quoted cell."""
    return content.endswith(b"\n") and content.count(b'"') % 2 == 0


def test_options_reach_pandas_and_the_names_are_asked_for(tmp_path):
    table, record = tmp_path / "a.csv", tmp_path / "a.json"
    files.write_csv(table, TABLE)
    assert reading.read_csv(table, dtype={"n": str})["n"].tolist() == ["1", "2", "3"]
    assert np.isnan(reading.read_csv(table)["word"].iloc[2])
    with pytest.raises(InputError, match=r"a\.csv: has no column 'speaker' \(delete it"):
        reading.read_csv(table, columns=["word", "speaker"])
    files.write_json(record, RECORD)
    with pytest.raises(InputError, match=r"a\.json: has no key 'cpu_seconds' \(delete it"):
        reading.read_json(record, keys=["seed", "cpu_seconds"])
    with pytest.raises(InputError, match=r"b\.json: does not exist"):
        reading.read_json(tmp_path / "b.json")


def test_words_are_read_as_written(tmp_path):
    path = tmp_path / "a.csv"
    words = ["null", "NA", "None", "nan", "N/A", "-", "00", "1e5", ""]
    table = pd.DataFrame({"class": words, "reason": words, "n": [1.5, *[np.nan] * 8]})
    files.write_csv(path, table)
    read = reading.read_csv(path, text=("class", "dataset"))
    assert read["class"].tolist() == words
    assert read["reason"].tolist()[:-1] == words[:-1] and np.isnan(read["reason"].iloc[-1])
    np.testing.assert_array_equal(read["n"], table["n"])
    assert reading.read_csv(path)["class"].tolist()[:-1] == words[:-1]


@pytest.mark.parametrize("content", ["", "1", '{"a": 1}', "[]", "null", '"a"'])
def test_the_meter_of_a_trial_names_its_damaged_file(content, tmp_path):
    path = tmp_path / "trial.spent"
    path.write_text(content)
    if content == "1":
        assert trials.CpuClock(path).before == 1.0
        return
    with pytest.raises(InputError, match=r"trial\.spent: cannot be read: .* \(delete it\)"):
        trials.CpuClock(path)


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    # HDF5 refuses to open a file in one process with a lock and without.
    with files.read_hdf5(path), pytest.raises(OSError):
        h5py.File(path, "r", locking=True)
    with pytest.raises(InputError, match="HDF5_USE_FILE_LOCKING=FALSE"), reading.guard(path, "x"):
        raise OSError(errno.ENOLCK, "No locks available")
