"""Recordings: a user's folder, and FSDD's archive."""

import os
import struct
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile

from spikespeech.data.events import read_events
from spikespeech.errors import InputError
from spikespeech.sound import audio, cochlea, files, recordings

RATE = 8000
FLOATS = np.random.default_rng(0).uniform(-1, 1, 4000)
NOISE = (9999 * FLOATS).astype("<i2").tobytes()


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


def silent(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", np.zeros(1000), RATE)


def constant(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", np.full(1000, 0.3), RATE)


def short(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", np.array([0.1, -0.1]), RATE)


def long(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", np.zeros(61 * RATE), RATE)


def slow(folder, _):
    soundfile.write(folder / "ja" / "bob_0.wav", 0.1 * np.arange(8.0) % 1, 200)


def hole(folder, _):
    (folder / "ja" / "bob_0.wav").unlink()
    os.mkfifo(folder / "ja" / "bob_0.wav")


def dead_link(folder, _):
    (folder / "ja" / "bob_0.wav").unlink()
    (folder / "ja" / "bob_0.wav").symlink_to("../.git/annex/objects/x.wav")


def latin(folder, _):
    (folder / "ja" / "bob_0.wav").rename(os.fsdecode(os.fsencode(folder / "ja") + b"/j\xf6_0.wav"))


@pytest.mark.parametrize(
    "change, message",
    [
        (add("ja/ann_0.wav"), "ann_0.wav: clashes with ja/ann_0.flac"),
        (add("ja/ANN_1.wav"), "clashes with ja/"),
        (add("Ja/carl_0.wav"), "label 'ja' clashes with 'Ja'"),
        (add("ja/Bob_7.wav"), "speaker 'bob' clashes with 'Bob'"),
        (add("odd.wav"), "odd.wav: its name does not fit the pattern"),
        (table("file\nja/bob_0.wav\n"), "has no column 'label'"),
        (table(""), "table.csv: is empty \\(make it a CSV table in UTF-8 with"),
        (table("file,label\n"), "table.csv: has no rows"),
        (table("file,label\nja/bob_0.wav,ja,bob\n"), "line 2 has 3 entries under 2 columns"),
        (table("File,Label\nja/bob_0.wav,ja\n"), "no column 'file'; its columns are 'File', 'L"),
        (table("file,label,speakers\nja/bob_0.wav,ja,bob\n"), "has no column 'speaker'; its"),
        (table("file,label,label\nja/bob_0.wav,ja,bob\n"), "has two columns 'label'"),
        (table("file,label,part\nja/bob_0.wav,ja,dev\n"), "line 2: part 'dev' is not one of"),
        (
            table("file,label,part\nja/bob_0.wav,ja,test\n\nja/bob_1.wav,ja,\n"),
            "table.csv: line 4: has no part, though others have",
        ),
        (table("file,label,part\nja/bob_0.wav,ja,test\n"), "no recording is of the part 'train'"),
        (table("file,label\nja/bob_9.wav,ja\n"), "in line 2: .*bob_9.wav does not exist"),
        (table("file,label\nja/bob_0.wav,\n"), "in line 2: has no label"),
        (table("file,label\n../words/ja/bob_0.wav,ja\n"), "is outside"),
        (table("file,label\nja/bob_0.wav,ja\nja/bob_0.wav,nein\n"), "clashes with ja/bob_0.wav"),
        (garbage, "ja/bob_0.wav: not readable as sound"),
        (silent, "ja/bob_0.wav: is silent"),
        (constant, "ja/bob_0.wav: is silent"),
        (short, "ja/bob_0.wav: lasts 0.00025 s"),
        (long, "ja/bob_0.wav: lasts 61 s at 8000 Hz"),
        (slow, "ja/bob_0.wav: its sampling rate is 200 Hz"),
        (hole, "ja/bob_0.wav: is no regular file"),
        (dead_link, "ja/bob_0.wav: is a link to a file that is not there, .*annex get"),
        (latin, r"ja/j\\udcf6_0.wav: its name is not UTF-8"),
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
    with pytest.raises(InputError, match="no recording is of vielleicht; there are ja, nein"):
        audio.folder(folder, pattern=PATTERN, classes=["vielleicht"])
    with pytest.raises(InputError, match="class 0 and class 1 are both called 'ja'"):
        audio.folder(folder, pattern=PATTERN, classes=["ja", "ja "])


def write(path, words, classes, threads=1, speakers=None):
    return recordings.write(
        path,
        words,
        classes,
        seed=1,
        n_channels=20,
        threads=threads,
        attributes={},
        progress=iter,
        speakers=speakers,
    )


def test_several_channels_are_mixed(tmp_path):
    sound = 0.1 * np.random.default_rng(1).standard_normal((1000, 3))
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="DOUBLE")
    samples, _ = files.read(tmp_path / "a.wav")
    np.testing.assert_allclose(samples, sound.mean(axis=1), atol=1e-12)


@pytest.mark.parametrize("subtype, size", [("PCM_16", 2), ("PCM_24", 3), ("FLOAT", 4), ("ULAW", 1)])
def test_a_wav_file_that_was_cut_short_is_refused(tmp_path, subtype, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(1).standard_normal(999), RATE, subtype)
    whole = path.read_bytes()
    assert len(files.read(path)[0]) == 999
    path.write_bytes(whole[: -400 * size])
    with pytest.raises(InputError, match=r"holds (598|599|600) of the 999 samples"):
        files.read(path)
    at = whole.index(b"data") + 4
    for unknown in (0x7FFFFFFF, 0xFFFFFFFF):  # as pipes write
        path.write_bytes(whole[:at] + unknown.to_bytes(4, "little") + whole[at + 4 :])
        assert len(files.read(path)[0]) in (999, 1000)
    path.write_bytes(whole[:44])
    with pytest.raises(InputError):
        files.read(path)


def header(sound=NOISE, *, kind=1, rate=RATE, channels=1, bits=16, more=b""):
    """Return a WAV file, whatever its header then says."""
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * frame % 2**32, frame % 2**16, bits)
    body = b"WAVEfmt \x10\0\0\0" + form + more + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "content",
    [
        *(header(rate=rate) for rate in (0, 1, 7, 10**9, 2**31, 2**32 - 1)),
        *(header(channels=channels) for channels in (0, 1024, 65535)),
        *(header(bits=bits) for bits in (0, 64, 65535)),
        *(header(kind=kind) for kind in (0, 0x55, 99)),
        *(header(NOISE[:size]) for size in (0, 1, 2, 4)),
        *(
            header((scale * FLOATS).astype("<f8").tobytes(), kind=3, bits=64)
            for scale in (0, 1e-300, 1e-160, 1e160, np.inf, np.nan)
        ),
        header(more=b"LIST" + struct.pack("<I", 2**32 - 8)),
        header(more=200_000 * b"junk\0\0\0\0"),
        *(b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(99), b"OggS" + bytes(99)),
    ],
)
def test_absurd_headers_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, warnings.catch_warnings():
        warnings.simplefilter("error")
        cochlea.prepare(*files.read(path), "ramps")
    assert "\n" not in str(caught.value)


def test_a_nist_file_that_was_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    sound = 0.1 * np.random.default_rng(1).standard_normal(999)
    soundfile.write(path, sound, RATE, format="NIST", subtype="PCM_16")
    assert len(files.read(path)[0]) == 999
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(InputError, match="holds 599 of the 999 samples"):
        files.read(path)


def test_a_recording_without_a_speaker_leaves_the_others_theirs(folder, tmp_path):
    rows = "ja/bob_0.wav,ja,bob\nnein/bob_0.wav,nein,\nnein/ann_0.wav,nein,ann\n"
    (tmp_path / "table.csv").write_text("file,label,speaker\n" + rows)
    words, classes, speakers = audio.folder(folder, table=tmp_path / "table.csv")
    write(tmp_path / "out.h5", words, classes, speakers=speakers)
    with read_events(tmp_path / "out.h5", n_units=20) as events:
        assert events.speakers.tolist() == [1, -1, 0]
        assert events.speaker_names == {0: "ann", 1: "bob"}
        assert events.name(1) == str(folder / "nein/bob_0.wav")


def test_recordings_that_name_their_part_are_in_it(folder, tmp_path):
    rows = ["ja/bob_0.wav,ja,train", "ja/bob_1.wav,ja,valid", "nein/bob_0.wav,nein,test"]
    (tmp_path / "table.csv").write_text("file,label,part\n" + "\n".join(rows) + "\n")
    words, _, _ = audio.folder(folder, table=tmp_path / "table.csv")
    parts = recordings.parts(words, seed=1, test_speakers=[], test_share=0.0)
    assert {part: [w.name for w in own] for part, own in parts.items()} == {
        "train": [str(folder / "ja/bob_0.wav")],
        "valid": [str(folder / "ja/bob_1.wav")],
        "test": [str(folder / "nein/bob_0.wav")],
    }
    with pytest.raises(InputError, match="name their parts themselves"):
        recordings.parts(words, seed=1, test_speakers=[], test_share=0.5)


def test_a_long_recording_is_named(folder, tmp_path):
    path = folder / "ja/bob_0.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(1).standard_normal(4 * RATE), RATE)
    words, classes, _ = audio.folder(folder, pattern=PATTERN)
    long = write(tmp_path / "out.h5", words, classes)
    assert list(long) == [str(path)] and 3 < long[str(path)] <= 4


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
