"""What real folders hold: links, hidden files, other kinds and spellings, tables from Excel."""

import re
import unicodedata

import pytest

from spikespeech.data import folders
from spikespeech.errors import InputError

PATTERN = "{label}/{speaker}_{take}.wav"


@pytest.fixture
def words(tmp_path):
    """Two words by two speakers; the files' contents do not matter here."""
    folder = tmp_path / "words"
    touch(folder, *(f"{word}/{who}_0.wav" for word in ("ja", "nein") for who in ("ann", "bob")))
    return folder


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def names(found):
    return [row.name for row in found.rows]


def test_links_are_followed_but_not_in_a_circle(words, tmp_path):
    touch(tmp_path / "elsewhere", "cat_0.wav")
    (words / "halt").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(words)
    (words / "ja" / "self").symlink_to(words / "ja")
    section = {"folder": str(words), "pattern": PATTERN}
    found = folders.find(words, pattern=PATTERN)
    assert found.classes == ("halt", "ja", "nein") and len(found.rows) == 5
    assert str(words / "halt/cat_0.wav") in folders.inputs(section)


def test_what_systems_leave_behind_is_no_recording(words):
    touch(
        words,
        "ja/._ann_0.wav",
        ".ipynb_checkpoints/ann_0.wav",
        "ja/@eaDir/ann_0.wav",
        "__MACOSX/ja/ann_0.wav",
        ".Trash/ann_0.wav",
        "ja/.ann_9.wav",
        "README.md",
    )
    found = folders.find(words, pattern=PATTERN)
    assert found.speakers == ("ann", "bob") and len(found.rows) == 4 and not found.remarks


def test_speech_commands_as_unpacked(words):
    touch(words, "_background_noise_/dishes.wav", "halt/ann_0.wav")
    (words / "testing_list.txt").write_text("ja/bob_0.wav\nhalt/ann_0.wav\n")
    (words / "validation_list.txt").write_text("nein/bob_0.wav\n")
    found = folders.find(words, pattern=PATTERN, classes=["nein", "ja"])
    assert found.classes == ("nein", "ja")
    assert [remark.partition(words.name)[2] for remark in found.remarks] == [
        "/_background_noise_ is left out, as its name begins with _",
        ": 1 recordings of other words than `classes` names are left out: halt",
        ": testing_list.txt is not used; `lists` of the data set would",
    ]
    lists = {"valid": "validation_list.txt", "test": "testing_list.txt"}
    found = folders.find(words, pattern=PATTERN, lists=lists)
    assert {row.name: row.part for row in found.rows} == {
        "halt/ann_0.wav": "test",
        "ja/ann_0.wav": "train",
        "ja/bob_0.wav": "test",
        "nein/ann_0.wav": "train",
        "nein/bob_0.wav": "valid",
    }
    (words / "testing_list.txt").write_text("ja/carl_0.wav\n")
    with pytest.raises(InputError, match=r"testing_list\.txt: names ja/carl_0"):
        folders.find(words, pattern=PATTERN, lists=lists)


def test_a_word_without_recordings_is_said(words):
    found = folders.find(words, pattern=PATTERN, classes=["ja", "nien"])
    assert "no recording of 'nien'; did you mean 'nein'?" in found.remarks[0]


def test_other_kinds_of_sound_are_counted(words):
    touch(words, "ja/cat_0.ogg", "nein/cat_0.ogg", "nein/dan_0.mp3", "ja/cover.jpg")
    found = folders.find(words, pattern=PATTERN)
    assert found.remarks == [f"{words}: 1 .mp3, 2 .ogg left out, as the pattern reads .flac, .wav"]
    assert len(folders.find(words, pattern="{label}/{speaker}_{take}.{kind}").rows) == 4
    with pytest.raises(InputError, match=r"does not fit"):  # the WAV files
        folders.find(words, pattern="{label}/{speaker}_{take}.ogg")
    for file in words.rglob("*.wav"):
        file.rename(file.with_suffix(".WAV"))
    assert len(folders.find(words, pattern=PATTERN).rows) == 4


def test_a_folder_of_other_kinds_names_them(tmp_path):
    touch(tmp_path, "ja/ann_0.mp3")
    with pytest.raises(InputError, match=r"has no files .flac, .wav; .*1 .mp3 left out"):
        folders.find(tmp_path, pattern=PATTERN)
    found = folders.find(tmp_path, pattern="{label}/{speaker}_{take}.mp3")
    assert names(found) == ["ja/ann_0.mp3"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_one_word_in_two_normal_forms_is_one_word(tmp_path, form):
    def spelt(text):
        return unicodedata.normalize(form, text)

    touch(tmp_path / "w", spelt("fünf/jörg_0.wav"), "ja/ann_0.wav", "fünf/ann_0.wav")
    (tmp_path / "t.csv").write_text("file,label,speaker\nfünf/jörg_0.wav,fünf,jörg\n")
    found = folders.find(tmp_path / "w", pattern=PATTERN, classes=["ja", spelt("fünf")])
    assert found.classes == ("ja", "fünf") and found.speakers == ("ann", "jörg")
    assert sorted(names(found)) == ["fünf/ann_0.wav", "fünf/jörg_0.wav", "ja/ann_0.wav"]
    assert names(folders.find(tmp_path / "w", table=tmp_path / "t.csv")) == ["fünf/jörg_0.wav"]


@pytest.mark.parametrize(
    "pattern, name, readings",
    [
        (PATTERN, "ja/spk_01_0.wav", "speaker='spk' take='01_0', or .*speaker='spk_01' take='0'"),
        ("{speaker}-{label}-{take}.wav", "jean-luc-ja-0.wav", "label='luc' .*, or .*label='ja'"),
        ("{a}_{label}_{b}.wav", "a_b_b_c.wav", "more than one way"),
    ],
)
def test_a_name_that_fits_in_two_ways_is_refused(tmp_path, pattern, name, readings):
    touch(tmp_path, name)
    with pytest.raises(InputError, match=readings):
        folders.find(tmp_path, pattern=pattern)


@pytest.mark.parametrize(
    "pattern, name, label, speaker",
    [  # Speech Commands, AudioMNIST, TIDIGITS' single digits, FSDD
        ("{label}/{speaker}_nohash_{n}.wav", "yes/0a7c2a8d_nohash_0.wav", "yes", "0a7c2a8d"),
        ("{folder}/{label}_{speaker}_{take}.wav", "01/0_01_12.wav", "0", "01"),
        ("{group}/{speaker}/{label}{take}.wav", "man/ae/za.wav", "z", "ae"),
        ("{label}_{speaker}_{take}.wav", "7_theo_3.wav", "7", "theo"),
    ],
)
def test_layouts_of_published_corpora(tmp_path, pattern, name, label, speaker):
    touch(tmp_path, name)
    (row,) = folders.find(tmp_path, pattern=pattern).rows
    assert (row.label, row.speaker) == (label, speaker)


@pytest.mark.parametrize(
    "pattern, problem",
    [
        ("{label}/{1}.wav", "{1} is no name of a field"),
        ("{label}/{Speaker}.wav", "did you mean {speaker}"),
        ("{speaker}/{take}.wav", "it holds {speaker}, {take}"),
        ("{label}/{label}.wav", "each field once"),
    ],
)
def test_patterns_that_cannot_be_meant(words, pattern, problem):
    with pytest.raises(InputError, match=re.escape(problem) if "{" in problem else problem):
        folders.find(words, pattern=pattern)
    touch(words, "file/x.wav")
    assert folders.find(words, pattern="{label}/{file}.wav").classes == ("file", "ja", "nein")


ROWS = "file,label,speaker\nja/ann_0.wav,ja,ann\nnein/bob_0.wav,nein,bob\n"


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "\ufeff" + ROWS,
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", ", "),
        ROWS.replace("\n", "\r\n") + "\r\n,,\r\n",
        ROWS.replace("/", "\\"),
        ROWS.replace("ja,ann", "ja ,ann").replace("nein,bob", "\u00a0nein,bob "),
    ],
)
def test_tables_as_programs_write_them(words, tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    found = folders.find(words, table=tmp_path / "t.csv")
    assert (found.classes, found.speakers) == (("ja", "nein"), ("ann", "bob"))
    assert names(found) == ["ja/ann_0.wav", "nein/bob_0.wav"]


def test_names_that_look_like_something_else_stay_as_written(words, tmp_path):
    rows = "ja/ann_0.wav,null,007\nja/bob_0.wav,NA,1e3\nnein/ann_0.wav,00,nan\n"
    (tmp_path / "t.csv").write_text("file,label,speaker\n" + rows)
    found = folders.find(words, table=tmp_path / "t.csv")
    assert (found.classes, found.speakers) == (("00", "NA", "null"), ("007", "1e3", "nan"))


def test_absolute_names_of_files_in_the_folder(words, tmp_path):
    (tmp_path / "t.csv").write_text(f"file,label\n{words / 'ja/ann_0.wav'},ja\n")
    assert names(folders.find(words, table=tmp_path / "t.csv")) == ["ja/ann_0.wav"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_table_in_another_encoding_is_named(words, tmp_path, encoding):
    (tmp_path / "t.csv").write_bytes(ROWS.replace("nein", "fünf").encode(encoding))
    with pytest.raises(InputError, match=r"t.csv: is not text in UTF-8 \(make it a CSV table"):
        folders.find(words, table=tmp_path / "t.csv")
