"""Recordings: a user's folder, and FSDD's archive."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from spikespeech.data.events import read_events
from spikespeech.errors import InputError
from spikespeech.sound import audio, recordings

RATE = 8000


@pytest.fixture
def folder(tmp_path):
    """Two words by two speakers, twice each; one recording is FLAC."""
    rng = np.random.default_rng(0)
    for speaker in ("ann", "bob"):
        for word in ("ja", "nein"):
            for take in range(2):
                path = tmp_path / "words" / word / f"{speaker}_{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 0.1 * rng.standard_normal(RATE // 8), RATE)
    path = tmp_path / "words" / "ja" / "ann_0.wav"
    soundfile.write(path.with_suffix(".flac"), *soundfile.read(path))
    path.unlink()
    return tmp_path / "words"


PATTERN = "{label}/{speaker}_{take}.{kind}"


def test_labels_and_speakers_from_names(folder):
    words, classes, speakers = audio.folder(folder, pattern=PATTERN)
    assert classes == ("ja", "nein")
    assert speakers == ["ann", "bob"]
    assert [(w.label, w.speaker) for w in words] == [(0, 0)] * 2 + [(0, 1)] * 2 + [(1, 0)] * 2 + [
        (1, 1)
    ] * 2
    samples, rate = words[0].sound()
    assert rate == RATE and len(samples) == RATE // 8


def test_labels_and_speakers_from_a_table(folder, tmp_path):
    rows = pd.DataFrame(
        {
            "file": ["nein/bob_0.wav", "ja/ann_0.flac", "ja/bob_1.wav"],
            "label": ["no", "yes", "yes"],
            "speaker": ["Bob", "Ann", ""],
        }
    )
    rows.to_csv(tmp_path / "table.csv", index=False)
    words, classes, speakers = audio.folder(
        folder, table=tmp_path / "table.csv", classes=["yes", "no"]
    )
    assert (classes, speakers) == (("yes", "no"), ["Ann", "Bob"])
    assert [(w.label, w.speaker) for w in words] == [(1, 1), (0, 0), (0, -1)]


def add(name):
    def change(folder, _):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.ones(100), RATE)

    return change


def table(text):
    def change(_, path):
        path.write_text(text)

    return change


def garbage(folder, _):
    (folder / "ja" / "bob_0.wav").write_bytes(b"RIFF and no more")


def stereo(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", np.ones((100, 2)), RATE)


def silent(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", np.zeros(100), RATE)


@pytest.mark.parametrize(
    "change, message",
    [
        (add("ja/ann_0.wav"), "ann_0.wav: clashes with ja/ann_0.flac"),
        (add("ja/ANN_1.wav"), "clashes with ja/"),
        (add("Ja/carl_0.wav"), "label 'ja' clashes with 'Ja'"),
        (add("ja/Bob_7.wav"), "speaker 'bob' clashes with 'Bob'"),
        (add("odd.wav"), "odd.wav: its name does not fit the pattern"),
        (table("file\nja/bob_0.wav\n"), "has no column 'label'"),
        (table(""), "table.csv: cannot be read: No columns .* \\(make it a CSV table with"),
        (table("file,label\nja/bob_9.wav,ja\n"), "in line 2: .*bob_9.wav does not exist"),
        (table("file,label\nja/bob_0.wav,\n"), "in line 2: has no label"),
        (table("file,label\n../words/ja/bob_0.wav,ja\n"), "is outside"),
        (table("file,label\nja/bob_0.wav,ja\nja/bob_0.wav,nein\n"), "clashes with ja/bob_0.wav"),
        (garbage, "ja/bob_0.wav: not readable as sound"),
        (stereo, "ja/bob_0.wav: 2 dimensions"),
        (silent, "ja/bob_0.wav: is silent"),
    ],
)
def test_bad_folders_are_named_in_one_line_and_nothing_is_written(
    folder, tmp_path, change, message
):
    listed = tmp_path / "table.csv"
    change(folder, listed)
    how = {"table": listed} if listed.exists() else {"pattern": PATTERN}
    with pytest.raises(InputError, match=message) as caught:
        words, classes, _ = audio.folder(folder, **how)
        write(tmp_path / "out.h5", words, classes)
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_other_mistakes(folder, tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        audio.folder(tmp_path / "none", pattern=PATTERN)
    with pytest.raises(InputError, match="must hold"):
        audio.folder(folder, pattern="{word}.wav")
    with pytest.raises(InputError, match="label 'nein' is not one of ja, vielleicht"):
        audio.folder(folder, pattern=PATTERN, classes=["ja", "vielleicht"])


def write(path, words, classes, threads=1):
    recordings.write(
        path,
        words,
        classes,
        seed=1,
        n_channels=20,
        threads=threads,
        attributes={},
        progress=iter,
    )


def test_spikes_depend_on_the_recording_alone(folder, tmp_path):
    words, classes, _ = audio.folder(folder, pattern=PATTERN)
    write(tmp_path / "one.h5", words, classes)
    write(tmp_path / "three.h5", words, classes, threads=3)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "three.h5").read_bytes()
    write(tmp_path / "last.h5", words[-1:], classes)
    with (
        read_events(tmp_path / "one.h5", n_units=20) as all_,
        read_events(tmp_path / "last.h5", n_units=20) as last,
    ):
        np.testing.assert_array_equal(list(all_)[-1], next(iter(last)))


def test_parts_keep_test_speakers_apart(folder):
    words, _, _ = audio.folder(folder, pattern=PATTERN)
    parts = recordings.parts(words, seed=1, test_speakers=[1], test_share=0.25)
    assert {w.speaker for w in parts["train"]} == {0}
    assert sorted(w.speaker for w in parts["test"]) == [0, 1, 1, 1, 1]
    assert not {w.key for w in parts["train"]} & {w.key for w in parts["test"]}
    with pytest.raises(InputError, match="the test part would be empty"):
        recordings.parts(words, seed=1, test_speakers=[], test_share=0.0)
    with pytest.raises(InputError, match="the train part would be empty"):
        recordings.parts(words, seed=1, test_speakers=[0, 1], test_share=0.0)


@pytest.fixture
def archive(shared):
    path = shared / "data" / "fsdd-1.0.10-recordings.tar.gz"
    if not path.exists():
        pytest.skip("the archive of FSDD is not here")
    return path


def test_fsdd(archive, tmp_path):
    words, classes, speakers = audio.fsdd(archive, utterances=2)
    assert len(words) == 2 * 10 * 6
    assert classes[3] == "three"
    assert speakers == ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    assert len({word.key for word in words}) == len(words)
    chosen = words[::30]
    write(tmp_path / "fsdd.h5", chosen, classes)
    with read_events(tmp_path / "fsdd.h5", n_units=20) as events:
        assert events.labels.tolist() == [word.label for word in chosen]
        for word, (times, _) in zip(chosen, events, strict=True):
            samples, rate = word.sound()
            assert rate == 8000
            assert times[-1] <= len(samples) / rate
            assert len(times) > 50


def test_another_release_of_fsdd_is_refused(archive, monkeypatch):
    monkeypatch.setattr(audio, "FSDD_CONTENTS", "0")
    with pytest.raises(InputError, match="its 3000 recordings are not those of FSDD 1"):
        audio.fsdd(archive)
