"""Spike trains: binning, files, and one line for every kind of bad data."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikespeech.data import datasets, events
from spikespeech.data.events import read_events, write_events
from spikespeech.errors import InputError
from spikespeech.spikes import SpikeTrains, trains
from spikespeech.spikes.trains import bin_file

N_UNITS = 12
GOOD = [([0.001, 0.0015, 0.2], [3, 0, 11]), ([0.0], [5]), ([0.5, 0.5, 0.7], [2, 1, 1])]
LABELS, SPEAKERS, CLASSES = [1, 0, 1], [4, 4, 7], ("yes", "no")


@pytest.fixture
def path(tmp_path):
    """A file in SHD's layout with three examples."""
    write_events(tmp_path / "train.h5", GOOD, LABELS, SPEAKERS, CLASSES)
    return tmp_path / "train.h5"


def test_written_events_are_read_back(path):
    with read_events(path, n_units=N_UNITS) as events:
        for (times, units), (expected_times, expected_units) in zip(events, GOOD, strict=True):
            np.testing.assert_allclose(times, expected_times, rtol=1e-7)
            np.testing.assert_array_equal(units, expected_units)
        assert events.labels.tolist() == LABELS
        assert events.speakers.tolist() == SPEAKERS
        assert events.classes == CLASSES


def test_shd_as_it_is_published_is_read(tmp_path):
    """Times in half precision, with ties, and names of classes as bytes."""
    with h5py.File(tmp_path / "shd.h5", "w") as file:
        times = file.create_dataset("spikes/times", 2, h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", 2, h5py.vlen_dtype(np.int64))
        for i in range(2):
            times[i] = np.array([0.7771, 0.7772, 0.7773, 0.9], np.float16)
            units[i] = np.array([9, 2, 9, 0])
        file["labels"] = np.array([0, 1], np.uint16)
        file["extra/speaker"] = np.array([0, 3], np.uint16)
        file["extra/keys"] = np.array([b"zwei", "fünf".encode()], "S")
    loaded = SpikeTrains.load(tmp_path / "shd.h5", n_units=N_UNITS)
    assert loaded.classes == ("zwei", "fünf")
    assert [array.tolist() for array in loaded.example(1)] == [[777, 777, 899], [2, 9, 0]]


@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(0, 0.999), st.integers(0, N_UNITS - 1)), min_size=1, max_size=30
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([0.5, 1.0, 4.0]),
)
def test_binning_is_the_set_of_step_and_unit(examples, dt_ms):
    examples = [sorted(example) for example in examples]
    binned = SpikeTrains.from_arrays(
        [[t * 1e3 for t, _ in example] for example in examples],
        [[u for _, u in example] for example in examples],
        [0] * len(examples),
        n_units=N_UNITS,
        n_steps=150,
        dt_ms=dt_ms,
    )
    for i, example in enumerate(examples):
        expected = sorted({(int(t * 1e3 // dt_ms), u) for t, u in example if t * 1e3 < 150 * dt_ms})
        steps, units = binned.example(i)
        assert list(zip(steps.tolist(), units.tolist(), strict=True)) == expected


def test_binning_a_file_in_pieces_equals_loading_it(path, tmp_path, monkeypatch):
    whole = SpikeTrains.load(path, n_units=N_UNITS, n_steps=600)
    monkeypatch.setattr(events.Events, "CHUNK", 2)
    seen = []
    bin_file(
        path,
        tmp_path / "binned.h5",
        n_units=N_UNITS,
        n_steps=600,
        progress=lambda *count: seen.append(count),
    )
    assert seen == [(2, 3), (3, 3)]
    whole.save(tmp_path / "saved.h5")
    for name in ("binned.h5", "saved.h5"):
        opened = SpikeTrains.open(tmp_path / name)
        order = [2, 0, 1]
        taken, expected = opened.take(order), whole.take(order)
        for array in ("offsets", "steps", "units", "labels", "speakers"):
            np.testing.assert_array_equal(getattr(taken, array), getattr(expected, array))
        assert opened.classes == CLASSES
        assert (opened.n_steps, opened.n_units, opened.dt_ms) == (600, N_UNITS, 1.0)


def test_without_speakers_they_are_unknown(tmp_path):
    write_events(tmp_path / "a.h5", GOOD, LABELS, [-1, -1, -1], CLASSES)
    with read_events(tmp_path / "a.h5", n_units=N_UNITS) as events:
        assert events.speakers.tolist() == [-1, -1, -1]


def rows(name, example, values):
    """Return a change of one example's row."""

    def change(file):
        kind = np.float32 if name == "times" else np.int64
        if f"spikes/{name}" in file and name == "units":
            old = file["spikes/units"][:]
            del file["spikes/units"]
            new = file.create_dataset("spikes/units", len(old), h5py.vlen_dtype(kind))
            for i, row in enumerate(old):
                new[i] = row.astype(kind)
        file[f"spikes/{name}"][example] = np.array(values, kind)

    return change


def replaced(name, values):
    """Return a change of a whole data set."""

    def change(file):
        del file[name]
        if values is not None:
            file[name] = values

    return change


def emptied(file):
    rows("times", 1, [])(file)
    rows("units", 1, [])(file)


BAD = {
    "nan": (rows("times", 0, [0.1, np.nan, 0.2]), "example 0: spike time nan"),
    "infinite": (rows("times", 0, [0.1, 0.2, np.inf]), "example 0: spike time inf"),
    "negative time": (rows("times", 2, [-0.25, 0.1, 0.2]), "example 2: spike time -0.25"),
    "unsorted": (rows("times", 2, [0.5, 0.25, 0.7]), "example 2: spike times are not in order"),
    "unit too high": (rows("units", 1, [12]), "example 1: unit 12 is not one of 0..11"),
    "negative unit": (rows("units", 1, [-1]), "example 1: unit -1"),
    "lengths differ": (rows("times", 1, [0.1, 0.2]), "example 1: 2 spike times but 1 units"),
    "empty example": (emptied, "example 1: has no spikes"),
    "label": (replaced("labels", np.array([1, 0, 2])), "example 2: label 2 is outside 0..1"),
    "ragged": (replaced("labels", np.array([1, 0])), "has 3 rows but labels has 2"),
    "few speakers": (replaced("extra/speaker", np.array([1])), "extra/speaker has 1 rows"),
    "no labels": (replaced("labels", None), "has no labels"),
    "not rows": (
        replaced("spikes/times", np.zeros(3)),
        "spikes/times holds numbers instead of rows",
    ),
    "late": (rows("times", 1, [700.0]), "example 1: has no spike in the first 1000 ms"),
}


@pytest.mark.parametrize("change, message", BAD.values(), ids=BAD)
def test_bad_data_is_named_in_one_line_and_nothing_is_written(path, tmp_path, change, message):
    with h5py.File(path, "r+") as file:
        change(file)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        bin_file(path, tmp_path / "binned.h5", n_units=N_UNITS)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert message in line
    assert line.endswith(")")  # the hint
    assert "\n" not in line
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("reader", [SpikeTrains.load, SpikeTrains.open])
def test_a_file_that_is_cut_short_or_no_hdf5_or_absent(path, tmp_path, reader):
    content = path.read_bytes()
    for broken in (content[: len(content) // 2], b"id,label\n1,2\n", b""):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="cannot be read: Unable to"):
            reader(path)
    with pytest.raises(InputError, match="does not exist"):
        reader(tmp_path / "none.h5")


def test_arrays_with_bad_values():
    with pytest.raises(InputError, match="example 1: unit 700 is not one of"):
        SpikeTrains.from_arrays([[1.0], [2.0]], [[0], [700]], [0, 0])
    with pytest.raises(InputError, match="2 examples of times, 1 of units"):
        SpikeTrains.from_arrays([[1.0], [2.0]], [[0]], [0, 0])
    with pytest.raises(InputError, match=r"label 3 is outside 0\.\.1"):
        SpikeTrains.from_arrays([[1.0]], [[0]], [3], classes=("a", "b"))


def test_events_that_run_short_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_events(tmp_path / "a.h5", GOOD[:2], LABELS, SPEAKERS, CLASSES)
    assert not list(tmp_path.iterdir())


def test_spikes_after_the_trial_are_counted(tmp_path):
    late = [[100.0, 200.0, 300.0, 1500.0], [100.0, 900.0]]
    units = [[1, 2, 3, 4], [5, 6]]
    with pytest.warns(UserWarning, match=r"16.7 % of the spikes lie after 1000 ms"):
        spikes = SpikeTrains.from_arrays(late, units, [0, 1])
    assert np.diff(spikes.offsets).tolist() == [3, 2]
    path = tmp_path / "a.h5"
    seconds = [(np.array(times) / 1000, unit) for times, unit in zip(late, units, strict=True)]
    write_events(path, seconds, [0, 1], [0, 1], ["a", "b"], examples=["ja/long.wav", "ja/b.wav"])
    assert bin_file(path, tmp_path / "b.h5") == (
        "16.7 % of the spikes lie after 1000 ms, a trial's end, and are cut off; "
        "most of example ja/long.wav"
    )
    with pytest.raises(InputError, match=r"a\.h5: 66.7 % of the spikes lie after 150 ms.*seconds"):
        bin_file(path, tmp_path / "c.h5", n_steps=150)
    assert not (tmp_path / "c.h5").exists()
    assert bin_file(path, tmp_path / "d.h5", n_steps=2000) == ""


def test_more_classes_than_an_attribute_holds(tmp_path):
    names = tuple(f"{i:05d}" for i in range(5000))
    SpikeTrains.from_arrays([[1.0]], [[1]], [4999], n_units=4, classes=names).save(
        tmp_path / "b.h5"
    )
    assert SpikeTrains.open(tmp_path / "b.h5").classes == names


@pytest.mark.parametrize(
    "how", [{"window": "hann", "pre_emphasis": 0.97}, {"window": "hann", "pre_emphasis": 0}, {}]
)
def test_binned_spikes_say_what_a_network_must_know_of_them(how, tmp_path):
    said = datasets.provenance("mine", {"seed": 1} | how)
    source, binned = tmp_path / "events.h5", tmp_path / "binned.h5"
    write_events(source, [([0.01], [2])], [1], [-1], ["no", "yes"], attributes=said)
    trains.bin_file(source, binned, n_units=3, n_steps=20)
    known = {"classes": ["no", "yes"], "steps": 20, "window": None} | how
    assert trains.about(binned) == known
    # Files of spikes from before pre-emphasis have none.
    with h5py.File(source, "a") as file:
        file.attrs.pop("pre_emphasis", None)
    trains.bin_file(source, binned, n_units=3, n_steps=20)
    assert trains.about(binned) == known | ({"pre_emphasis": 0} if how else {})
