"""Files in SHD's layout as others write them: names, speakers and shapes."""

import os

import h5py
import numpy as np
import pytest

from spikespeech.data import names, parts
from spikespeech.data.events import read_events, write_events
from spikespeech.errors import InputError


def write(path, keys=("a", "b"), labels=(0, 1, 0, 1), scale=1.0, **extra):
    """Write four examples of three spikes, with HDF5's own types for `extra`; return the path."""
    with h5py.File(path, "w") as file:
        for name, kind, rows in (
            ("times", np.float16, [[0.1 * scale, 0.2 * scale, 0.3 * scale]] * 4),
            ("units", np.uint16, [[1, 2, 3]] * 4),
        ):
            dataset = file.create_dataset(f"spikes/{name}", 4, h5py.vlen_dtype(kind))
            for i, row in enumerate(rows):
                dataset[i] = np.array(row, kind)
        file["labels"] = np.array(labels, np.uint16)
        for name, values in {"keys": keys, **extra}.items():
            if values is not None:
                file[f"extra/{name}"] = values
    return path


def text(*words):
    return np.array(words, dtype=h5py.string_dtype())


def classes(path):
    with read_events(path) as events:
        return events.classes


@pytest.mark.parametrize(
    "word, read",
    [
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian, with a zero-width non-joiner
        ("क्\u200dष", "क्\u200dष"),  # Hindi, with a joiner
        ("New\u00a0York", "New\u00a0York"),
        ("東京\u3000都", "東京\u3000都"),
        ("fu\u0308nf ", "fünf"),
        ("null", "null"),
        ("00", "00"),
    ],
)
def test_words_in_any_script(tmp_path, word, read):
    assert classes(write(tmp_path / "a.h5", text(word, "ja"))) == (read, "ja")


@pytest.mark.parametrize(
    "keys, problem",
    [
        (np.array([b"f\xfcnf", b"ja"]), r"b'f\\xfcnf', which is not UTF-8"),
        (text("ja", "ja"), "class 0 and class 1 are both called 'ja'"),
        (text("fünf", "fu\u0308nf"), "class 0 and class 1 are both called 'fünf'"),
        (text("ja", "a\nb"), r"the name of class 1 is 'a\\nb'"),
        (text("ja", " "), "the name of class 1 is ' '"),
        (np.array([0, 1]), "extra/keys holds integers instead of text"),
    ],
)
def test_names_that_are_none(tmp_path, keys, problem):
    with pytest.raises(InputError, match=problem):
        classes(write(tmp_path / "a.h5", keys))


def test_a_speaker_who_is_known_by_name_has_one_number_in_every_file(tmp_path):
    spoken = [b"00f0204f", b"bb05582b", b"00f0204f", b""]
    for order in (1, -1):
        with read_events(write(tmp_path / "a.h5", speaker=np.array(spoken[::order]))) as events:
            expected = [0x00F0204F, 0xBB05582B, 0x00F0204F, -1]
            assert events.speakers.tolist() == expected[::order]
            assert events.speaker_names == {0x00F0204F: "00f0204f", 0xBB05582B: "bb05582b"}
    with read_events(write(tmp_path / "b.h5", speaker=text("ann", "bob", "ann", "bob"))) as events:
        ann, bob = names.number("ann"), names.number("bob")
        assert events.speakers.tolist() == [ann, bob, ann, bob]
        assert 2**32 <= min(ann, bob) < max(ann, bob) < 2**53


def test_more_names_than_an_attribute_holds(tmp_path):
    listed = [f"{i:08x}" for i in range(5000)]
    write_events(
        tmp_path / "a.h5",
        [([0.1], [1])] * 2,
        [0, 4999],
        [0, 4999],
        [f"word {i}" for i in range(5000)],
        speaker_names=listed,
    )
    with read_events(tmp_path / "a.h5") as events:
        assert events.classes[4999] == "word 4999"
        assert list(events.speaker_names.values()) == listed


def test_what_an_attribute_cannot_hold_is_kept(tmp_path):
    listed = [f"{i:08x}" for i in range(5_000)]
    about = {"label": "own words", "speakers": listed}
    events = [([0.1], [1]), ([0.2], [0])]
    write_events(tmp_path / "x.h5", events, [0, 1], [0, 1], ["a", "b"], attributes=about)
    with h5py.File(tmp_path / "x.h5") as file:
        assert file.attrs["label"] == "own words"
        assert file["about/speakers"].asstr()[:].tolist() == listed
    with read_events(tmp_path / "x.h5") as read:
        assert read.labels.tolist() == [0, 1]


def test_examples_of_one_length_may_be_a_matrix(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file["spikes"]
        file["spikes/times"] = np.sort(np.random.default_rng(0).random((4, 50)), axis=1)
        file["spikes/units"] = np.arange(200).reshape(4, 50)
    with read_events(path) as events:
        trains = list(events)
    assert [units.tolist() for _, units in trains] == np.arange(200).reshape(4, 50).tolist()


def test_a_pipe_is_no_spike_file(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    with (
        pytest.raises(InputError, match=r"a\.h5: is no regular file"),
        read_events(tmp_path / "a.h5"),
    ):
        pass


def test_a_class_has_the_number_of_its_name_in_every_part(tmp_path):
    train = write(tmp_path / "train.h5", text("ja", "nein"), speaker=np.arange(4))
    test = write(
        tmp_path / "test.h5", text("halt", "nein", "ja"), [2, 1, 1, 0], speaker=np.ones(4, int)
    )
    joined = parts.joined_classes([train, test], n_units=700)
    assert joined == ("ja", "nein", "halt")
    for source in (train, test):
        out = tmp_path / f"out_{source.name}"
        with read_events(source) as before:
            said = [before.classes[label] for label in before.labels]
            _, spikes, missing = parts.copy(source, out, joined, n_units=700)
            with read_events(out) as after:
                assert [after.classes[label] for label in after.labels] == said
                assert after.classes == joined and spikes == 12
                assert after.speakers.tolist() == before.speakers.tolist()
                assert [t.tolist() for t, _ in after] == [t.tolist() for t, _ in before]
        assert missing == sorted(set(joined) - set(said))


def test_a_part_without_names_beside_one_with_names_is_refused(tmp_path):
    train = write(tmp_path / "train.h5", text("ja", "nein"))
    test = write(tmp_path / "test.h5", keys=None)
    with pytest.raises(InputError, match=r"test\.h5: names no classes, though .*train\.h5 does"):
        parts.joined_classes([train, test], n_units=700)


def test_times_in_milliseconds_are_refused(tmp_path):
    source = write(tmp_path / "ms.h5", text("a", "b"), scale=1000.0)
    with pytest.raises(InputError, match=r"last 300 s .*divide milliseconds"):
        parts.copy(source, tmp_path / "out.h5", ("a", "b"), n_units=700)
    assert list(tmp_path.iterdir()) == [source]
