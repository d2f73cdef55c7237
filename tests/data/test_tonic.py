"""Event data sets of tonic's, by name, from a local imitation of N-TIDIGITS18's file."""

import h5py
import numpy as np
import pytest

from spikespeech.data import tonic_sets
from spikespeech.data.events import read_events, write_events
from spikespeech.errors import InputError

EXAMPLES = {
    "train": ["ae-a-1", "ae-b-z", "bo-a-1", "bo-a-12"],  # the last says two digits
    "test": ["cy-a-o", "cy-b-1"],
}


@pytest.fixture
def folder(tmp_path):
    """N-TIDIGITS18's layout: times in s and addresses of 64 channels, a data set an example."""
    rng = np.random.default_rng(0)
    (tmp_path / "NTIDIGITS18").mkdir()
    with h5py.File(tmp_path / "NTIDIGITS18" / "n-tidigits.hdf5", "w") as file:
        for part, ids in EXAMPLES.items():
            file[f"{part}_labels"] = np.array(ids, dtype="S")
            for name in ids:
                file[f"{part}_timestamps/{name}"] = np.sort(rng.random(30))
                file[f"{part}_addresses/{name}"] = rng.integers(0, 64, 30)
    return tmp_path


def read(folder, **changes):
    how = {"parts": ["train", "test"], "options": {"single_digits": True}, "n_channels": 64}
    return tonic_sets.read(changes.pop("dataset", "NTIDIGITS18"), folder=folder, **how | changes)


def test_single_digits_of_n_tidigits(folder):
    found = read(folder)
    assert found.classes == ("o", "1", "2", "3", "4", "5", "6", "7", "8", "9", "z")
    assert found.speakers == ("ae", "bo", "cy")
    train, test = found.parts["train"], found.parts["test"]
    assert [found.classes[label] for label in train.labels] == ["1", "z", "1"]
    assert (train.speakers, test.speakers) == ([0, 0, 1], [2, 2])
    with h5py.File(folder / "NTIDIGITS18" / "n-tidigits.hdf5") as file:
        times, units = train.events[1]
        np.testing.assert_allclose(times, file["train_timestamps/ae-b-z"], atol=1e-6)
        np.testing.assert_array_equal(units, file["train_addresses/ae-b-z"])


def test_what_is_read_is_written_in_shds_layout(folder, tmp_path):
    found = read(folder)
    own = found.parts["train"]
    write_events(
        tmp_path / "train.h5",
        own.events,
        own.labels,
        own.speakers,
        found.classes,
        speaker_names=found.speakers,
    )
    with read_events(tmp_path / "train.h5", n_units=64) as events:
        assert events.speaker_names[1] == "bo" and len(list(events)) == 3


def test_words_of_several_digits_are_classes_over_both_parts(folder):
    assert read(folder, options={}).classes == ("1", "12", "o", "z")


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"dataset": "NTIDIGITS"}, "no data set 'NTIDIGITS'; did you mean 'NTIDIGITS18'"),
        ({"options": {"single": True}}, "no option 'single'; did you mean 'single_digits'"),
        ({"parts": ["train", "valid"]}, "has no part 'valid' of its own"),
        ({"n_channels": 700}, r"has 64 units \(set `channels: 64`\)"),
        ({"dataset": "NCALTECH101", "options": {}}, "has no part 'train' of its own"),
    ],
)
def test_what_tonic_has_not(folder, changes, problem):
    with pytest.raises(InputError, match=problem):
        read(folder, **changes)


def test_events_of_a_camera_are_units_by_x_then_y_then_polarity():
    kinds = [("x", int), ("y", int), ("t", int), ("p", bool)]
    events = np.array([(1, 2, 500, True), (3, 0, 200, False)], dtype=kinds)
    times, units = tonic_sets._spikes(events, (4, 3, 2))
    assert units.tolist() == [3, 12 + 2 * 4 + 1]
    np.testing.assert_allclose(times, [200e-6, 500e-6])
