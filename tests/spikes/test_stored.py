"""Spikes on disk: a column reads as an array does, and a side as its examples in memory."""

import h5py
import numpy as np
import pytest

from spikespeech.errors import InputError
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.augment import Presentations
from spikespeech.spikes.stored import Column, StoredSpikes, chunks, load_if_small

VALUES = np.arange(1000, dtype=np.uint16)


@pytest.fixture(params=[None, (1,), (64,), (5000,)], ids=["contiguous", "1", "64", "5000"])
def column(request, tmp_path):
    """VALUES in a file, in one piece or in chunks of some numbers."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "x", data=VALUES, chunks=request.param, maxshape=(5000,) if request.param else None
        )
    with h5py.File(tmp_path / "a.h5", "r") as file:
        return Column(file["x"])


@pytest.mark.parametrize(
    "span", [(0, 1000), (0, 0), (63, 65), (64, 128), (999, 1000), (10, 3), (900, 2000), (5, None)]
)
def test_slices_are_those_of_an_array(column, span):
    np.testing.assert_array_equal(column[slice(*span)], VALUES[slice(*span)])
    assert len(column) == 1000 and column.dtype == VALUES.dtype


def test_a_column_that_grew_piece_by_piece(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        grown = file.create_dataset("x", (0,), np.uint16, maxshape=(None,), chunks=(64,))
        empty = file.create_dataset("empty", (0,), np.uint16, maxshape=(None,), chunks=(64,))
        for end in (10, 500, 501, 1000):
            begin = len(grown)
            grown.resize((end,))
            grown[begin:] = VALUES[begin:end]
        assert len(empty) == 0
    with h5py.File(tmp_path / "a.h5", "r") as file:
        np.testing.assert_array_equal(Column(file["x"])[:], VALUES)
        assert len(Column(file["empty"])[:]) == 0


def test_a_file_cut_short_is_named(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = VALUES
    with h5py.File(path, "r") as file:
        column = Column(file["x"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short"):
        column[:]


def random_trains():
    rng = np.random.default_rng(0)
    return SpikeTrains.from_arrays(
        [np.sort(rng.uniform(0, 50, n)) for n in range(1, 31)],
        [rng.integers(0, 20, n) for n in range(1, 31)],
        rng.integers(0, 3, 30),
        rng.integers(0, 5, 30),
        n_units=20,
        n_steps=50,
        classes="abc",
    )


def test_a_side_is_its_examples_in_memory(tmp_path):
    spikes = random_trains()
    spikes.save(tmp_path / "train.h5")
    chosen = np.array([3, 4, 5, 9, 20, 29])
    side, expected = (
        StoredSpikes(SpikeTrains.open(tmp_path / "train.h5"), chosen),
        spikes.take(chosen),
    )
    joined = [side.take([i]) for i in range(len(side))]
    read = list(chunks(side, size=4))
    assert [len(some) for some in read] == [4, 2]
    for name in ("steps", "units", "labels", "speakers"):
        array = getattr(expected, name)
        np.testing.assert_array_equal(getattr(side.load(), name), array)
        for parts in (joined, read):
            np.testing.assert_array_equal(np.concatenate([getattr(p, name) for p in parts]), array)
    for name in ("labels", "speakers", "n_steps", "n_units", "dt_ms", "classes", "n_classes"):
        assert np.array_equal(getattr(side, name), getattr(expected, name))
    assert len(StoredSpikes(spikes, []).load()) == 0


def test_few_examples_come_into_memory_and_many_stay_where_they_are(tmp_path, monkeypatch):
    random_trains().save(tmp_path / "train.h5")
    stored = StoredSpikes(SpikeTrains.open(tmp_path / "train.h5"), np.arange(1, 20))
    assert stored.n_bytes == 4 * len(stored.load().steps) > 0
    monkeypatch.setattr("spikespeech.spikes.stored.FEW_BYTES", stored.n_bytes)
    few = load_if_small(stored)
    assert isinstance(few, SpikeTrains) and load_if_small(few) is few
    monkeypatch.setattr("spikespeech.spikes.stored.FEW_BYTES", stored.n_bytes - 1)
    assert load_if_small(stored) is stored
    for blend in (False, True):
        batches = (
            list(Presentations(source, shift=2, blend=blend, seed=1).batches(1, 4))
            for source in (few, stored)
        )
        for one, other in zip(*batches, strict=True):
            for name in ("offsets", "steps", "units", "labels", "speakers"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
