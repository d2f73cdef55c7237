"""Splits by speaker: nobody trains and validates, and the test part is left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spikespeech.errors import InputError
from spikespeech.files import write_csv
from spikespeech.spikes import SpikeTrains, splits

CLASSES = ("null", "eins")


def dataset(train, test, valid=None):
    """Rows of a data set whose speakers, listed by part, say every class once a mention."""
    parts = {"train": train, "test": test} | ({"valid": valid} if valid is not None else {})
    return pd.concat(
        [
            splits.examples(part, [0, 1] * len(who), np.repeat(who, 2), CLASSES)
            for part, who in parts.items()
        ],
        ignore_index=True,
    )


# As in SHD: speakers 0-9 train and recur in the test part; 10 and 11 are only there.
SHD_LIKE = dataset(train=list(range(10)) * 3, test=[*range(12), 10, 11])


def speakers(rows, side):
    return set(rows.speaker[rows.side == side])


speaker_lists = st.lists(st.integers(0, 40), min_size=1, max_size=60)


@settings(deadline=None)
@given(speaker_lists, speaker_lists, st.integers(0, 8), st.integers(0, 99))
def test_drawn_speakers_validate_only(train, test, n, seed):
    assume(n < len(set(train)))
    rows = splits.split(dataset(train, test), "main", validation_speakers=n, seed=seed)
    assert not speakers(rows, "train") & speakers(rows, "validation")
    assert speakers(rows, "train") | speakers(rows, "validation") == set(train)
    assert len(speakers(rows, "validation")) == n
    assert (rows.side == "test").equals(rows.part == "test")
    pd.testing.assert_frame_equal(
        rows, splits.split(dataset(train, test), "main", validation_speakers=n, seed=seed)
    )


@settings(deadline=None)
@given(speaker_lists)
def test_each_speaker_is_left_out_in_one_fold(train):
    assume(len(set(train)) > 1)
    rows = dataset(train, [50])
    for k in set(train):
        fold = splits.split(rows, f"speaker-{k}", validation_speakers=0, seed=0)
        assert speakers(fold, "validation") == {k}
        assert speakers(fold, "train") == set(train) - {k}


def test_the_draw_depends_on_the_seed():
    drawn = {
        tuple(
            sorted(
                speakers(
                    splits.split(SHD_LIKE, "main", validation_speakers=2, seed=s), "validation"
                )
            )
        )
        for s in range(40)
    }
    assert len(drawn) > 20
    assert {s for pair in drawn for s in pair} == set(range(10))


def test_a_list_of_speakers_is_taken_as_it_is():
    rows = splits.split(SHD_LIKE, "main", validation_speakers=[3, 7], seed=0)
    assert speakers(rows, "validation") == {3, 7}


def test_a_validation_part_of_its_own_is_kept():
    rows = dataset(train=[0, 1], test=[2], valid=[3, 4])
    made = splits.split(rows, "main", validation_speakers=2, seed=0)
    assert (made.side == "validation").equals(rows.part == "valid")
    with pytest.raises(InputError, match="validation part of its own"):
        splits.split(rows, "speaker-0", validation_speakers=2, seed=0)
    nameless = rows.assign(speaker=-1)
    assert len(splits.split(nameless, "main", validation_speakers=2, seed=0)) == len(rows)


def test_a_speaker_who_trains_and_validates_is_an_error():
    with pytest.raises(InputError, match="speaker 1 is on the training and on the validation"):
        splits.split(dataset([0, 1], [2], [1]), "main", validation_speakers=2, seed=0)


@pytest.mark.parametrize(
    "fold,wanted,message",
    [
        ("main", 10, "10 validation speakers of 10 .*0 to 9"),
        ("main", -1, "-1 validation speakers"),
        ("main", [11], "speaker 11 is not in the training part .*known: 0, 1"),
        ("main", list(range(10)), "none is left to train on"),
        ("speaker-12", 2, "speaker 12 is not in the training part"),
        ("speaker", 2, "unknown fold 'speaker' .*main or speaker-<number>"),
    ],
)
def test_impossible_splits_name_the_mend(fold, wanted, message):
    with pytest.raises(InputError, match=message):
        splits.split(SHD_LIKE, fold, validation_speakers=wanted, seed=0)


def test_a_missing_speaker_is_named():
    rows = SHD_LIKE.copy()
    rows.loc[4, "speaker"] = -1
    with pytest.raises(InputError, match=r"example 4: has no speaker .*extra/speaker"):
        splits.split(rows, "main", validation_speakers=2, seed=0)


def test_a_class_that_nobody_trains_is_named():
    rows = SHD_LIKE.copy()
    rows.loc[(rows.part == "train") & (rows.speaker != 3), ["label", "class"]] = [0, "null"]
    with pytest.raises(InputError, match="no training speaker says 'eins'"):
        splits.split(rows, "speaker-3", validation_speakers=0, seed=0)


def test_a_class_must_have_one_label_in_all_parts():
    rows = SHD_LIKE.copy()
    test = rows.part == "test"
    rows.loc[test, "class"] = np.asarray(CLASSES, object)[1 - rows.label[test]]
    with pytest.raises(
        InputError, match=r"label 0 is class 'null' in the part train, but .* 'eins'"
    ):
        splits.split(rows, "main", validation_speakers=2, seed=0)
    rows = SHD_LIKE.assign(label=rows.label + 5 * test, **{"class": SHD_LIKE["class"]})
    with pytest.raises(InputError, match=r"label 0 is class 'null' in the part train, but label 5"):
        splits.split(rows, "main", validation_speakers=2, seed=0)


NAMES = dict(
    enumerate(["ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo"])
)


def test_speakers_are_named_or_numbered():
    def chosen(fold, wanted, names):
        rows = splits.split(SHD_LIKE, fold, validation_speakers=wanted, seed=0, names=names)
        return speakers(rows, "validation")

    assert chosen("main", ["bob", "dan"], NAMES) == {1, 3}
    assert chosen("main", [1, "dan"], NAMES) == {1, 3}
    assert chosen("speaker-eve", 0, NAMES) == chosen("speaker-4", 0, NAMES) == {4}
    with pytest.raises(InputError, match=r"speaker bo is not in .*known: 0 \(ann\), 1 \(bob\)"):
        chosen("main", ["bo"], NAMES)
    # Where names are numbers, as AudioMNIST's, a number is a name.
    numerals = {k: f"{k + 1:02d}" for k in range(12)}
    assert chosen("speaker-01", 0, numerals) == {0}
    with pytest.raises(InputError, match=r"speaker 1 is not in .*known: 01, 02"):
        chosen("speaker-1", 0, numerals)


def test_examples_without_speakers_are_split_by_share():
    rows = SHD_LIKE.assign(speaker=-1)
    how = {"validation_speakers": 2, "validation_share": 0.2}
    made = splits.split(rows, "main", seed=0, **how)
    counts = made.groupby(["label", "side"]).size()
    assert [counts[label, "validation"] for label in (0, 1)] == [6, 6]
    assert (made.side == "test").equals(made.part == "test")
    pd.testing.assert_frame_equal(made, splits.split(rows, "main", seed=0, **how))
    assert not made.equals(splits.split(rows, "main", seed=1, **how))
    with pytest.raises(InputError, match="no split by speakers"):
        splits.split(rows, "speaker-1", seed=0, **how)


def test_unseen_speakers_are_those_of_the_test_part_alone():
    rows = splits.split(SHD_LIKE, "main", validation_speakers=2, seed=0)
    assert set(rows.speaker[splits.unseen(rows)]) == {10, 11}
    assert set(rows.side[splits.unseen(rows)]) == {"test"}


def test_only_unseen_speakers_of_known_words_are_scored_where_there_are_any():
    rows = splits.split(SHD_LIKE, "main", validation_speakers=2, seed=0)
    assert speakers(splits.only_unseen(rows), "test") == {10, 11}
    assert speakers(splits.only_unseen(rows), "train") == speakers(rows, "train")
    other = rows.assign(label=np.where(rows.speaker == 10, 7, rows.label))
    assert speakers(splits.only_unseen(other), "test") == {11}
    known = splits.split(
        dataset(train=[1, 2, 3], test=[1, 2]), "main", validation_speakers=1, seed=0
    )
    pd.testing.assert_frame_equal(splits.only_unseen(known), known)


@pytest.mark.parametrize("most", [3, 20])
def test_a_sample_is_of_distinct_examples_in_order(most):
    n = 8
    spikes = SpikeTrains.from_binned(
        [([i], [i]) for i in range(n)], np.arange(n), np.zeros(n), n, n, 1.0, tuple("abcdefgh")
    )
    labels = splits.sample(spikes, most).labels
    assert len(labels) == min(n, most)
    assert (np.diff(labels) > 0).all()
    np.testing.assert_array_equal(labels, splits.sample(spikes, most).labels)


def test_a_split_survives_its_file(tmp_path):
    rows = splits.split(SHD_LIKE, "main", validation_speakers=2, seed=0)
    write_csv(tmp_path / "main.csv", rows)
    back = splits.read(tmp_path / "main.csv")
    pd.testing.assert_frame_equal(back, rows, check_dtype=False)
    assert splits.side(back, "test", "test").tolist() == list(range(28))
    assert splits.summary(back).loc[10].tolist() == [0, 0, 4]
    (tmp_path / "main.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"main\.csv: not a split"):
        splits.read(tmp_path / "main.csv")


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("train,0,0,null", "train,x,0,null", "example 'x'"),
        ("train,0,0,null", "train,,0,null", "example ''"),
        ("train,0,0,null", "train,1,0,null", "the examples of part train are not 0 to 59"),
        ("train,0,0,null", "train,9999999,0,null", "the examples of part train are not 0 to 59"),
        ("train,0,0,null", "train,0,-1,null", "label -1"),
        ("train,0,0,null,0,", "train,0,0,null,1.5,", "speaker '1.5'"),
        ("train,0,0,null", "dev,0,0,null", "part 'dev' is unknown"),
        ("null,0,train", "null,0,nobody", "side 'nobody' is unknown"),
    ],
)
def test_a_damaged_split_is_refused(tmp_path, old, new, problem):
    rows = splits.split(SHD_LIKE, "main", validation_speakers=[3], seed=0)
    write_csv(tmp_path / "main.csv", rows)
    text = (tmp_path / "main.csv").read_text()
    assert old in text
    (tmp_path / "main.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"main\.csv: {problem}"):
        splits.read(tmp_path / "main.csv")


def save(folder, rows):
    """Write the binned spikes of each part, an example at the step of its number; return them."""
    for part, mine in rows.groupby("part", sort=False):
        spikes = SpikeTrains.from_arrays(
            [[float(i)] for i in mine.example], [[0]] * len(mine), mine.label, mine.speaker
        )
        spikes.save(folder / f"{part}.h5")
    return [folder / f"{part}.h5" for part in rows.part.unique()]


def test_sides_are_gathered_from_the_parts_files(tmp_path):
    rows = splits.split(SHD_LIKE, "main", validation_speakers=[3], seed=0)
    files = save(tmp_path, rows)
    for names in (["train"], ["validation"], ["test"], ["validation", "train"]):
        side = splits.gather(files, rows, *names).load()
        mine = rows[rows.side.isin(names)]
        assert side.steps.tolist() == mine.example.tolist()
        assert side.labels.tolist() == mine.label.tolist()
        assert side.speakers.tolist() == mine.speaker.tolist()
    nobody = splits.split(SHD_LIKE, "main", validation_speakers=0, seed=0)
    assert len(splits.gather(files, nobody, "validation")) == 0
    assert len(splits.gather(files, rows)) == 0
    with pytest.raises(InputError, match="no file of the part 'test'"):
        splits.gather(files[:1], rows, "test")
    with pytest.raises(InputError, match=r"train\.h5: 60 examples, but the split has 59"):
        splits.gather(files, rows[1:], "train")


def test_sides_of_two_parts_are_gathered_from_both_files(tmp_path):
    rows = dataset(train=[0, 1], test=[2], valid=[3, 4, 5])
    rows = splits.split(rows, "main", validation_speakers=2, seed=0)
    files = save(tmp_path, rows)
    mine = rows[rows.side != "test"]
    both = splits.gather(files, rows, "train", "validation")
    assert len(both) == len(mine) == 10
    for order in (np.arange(10), np.array([9, 0, 4, 3, 3, 8]), np.array([], np.int64)):
        some = both.take(order)
        assert some.steps.tolist() == mine.example.iloc[order].tolist()
        for name, column in (("labels", mine.label), ("speakers", mine.speaker)):
            assert getattr(some, name).tolist() == column.iloc[order].tolist()
            assert getattr(both, name).tolist() == column.tolist()
    one = splits.gather(files, rows, "train")
    for name in ("n_steps", "n_units", "dt_ms", "classes", "n_classes"):
        assert getattr(both, name) == getattr(one, name)
    coarse = SpikeTrains.from_arrays([[0.0]] * 6, [[0]] * 6, [0, 1] * 3, n_steps=500, dt_ms=2.0)
    coarse.save(tmp_path / "valid.h5")
    with pytest.raises(InputError, match=r"valid\.h5: has other n_steps than .*train\.h5"):
        splits.gather(files, rows, "train", "validation")
