"""Values of files: what fits a form passes, what does not is named with its key or row."""

import math

import pandas as pd
import pytest

from spikespeech import files, forms, reading
from spikespeech.errors import InputError
from spikespeech.forms import COUNT, INDEX, SHARE, Number

RECORD = {"n": COUNT, "share": SHARE, "of": [{"name": str}], "unseen": (None, {"n": COUNT})}
SOUND = {"n": 3, "share": 0.5, "of": [{"name": "a"}], "unseen": None, "more": []}


def test_what_fits_passes():
    forms.check(SOUND, RECORD)
    forms.check(SOUND | {"unseen": {"n": 0}, "n": 4.0, "share": 1}, RECORD)
    table = pd.DataFrame({"a": ["1", "", "2.5"], "b": [0, 1, -1]})
    gaps = forms.column(table["a"], Number(gaps=True), "a")
    assert gaps[0] == 1 and math.isnan(gaps[1]) and gaps[2] == 2.5
    assert forms.column(table["b"], INDEX, "b").dtype == "int64"
    assert list(forms.column(table["a"], frozenset({"1", "", "2.5"}), "a")) == ["1", "", "2.5"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": -1}, "n is -1 instead of a whole number from 0 on"),
        ({"n": 1.5}, "n is 1.5 instead of a whole number from 0 on"),
        ({"n": True}, "n is True instead of a whole number from 0 on"),
        ({"n": 10**400}, r"n is 10{39}… instead"),
        ({"share": math.nan}, "share is nan instead of a number from 0 to 1"),
        ({"share": "0.5"}, "share is '0.5' instead of a number from 0 to 1"),
        ({"of": {}}, r"of is \{\} instead of a list"),
        ({"of": [{"name": "a"}, {"name": 1}]}, "of.1.name is 1 instead of text"),
        ({"of": [{}]}, "has no key 'of.0.name'"),
        ({"unseen": {"n": None}}, "unseen.n is None instead of a whole number"),
        ({"unseen": []}, r"unseen is \[\] instead of a group"),
    ],
)
def test_what_does_not_fit_is_named(changes, said):
    with pytest.raises(InputError, match=said):
        forms.check(SOUND | changes, RECORD)


@pytest.mark.parametrize("cell", ["", "abc", "nan", "inf", "-inf", "1.5", "-2", "1e300", "9" * 30])
def test_a_cell_that_does_not_fit_is_named_by_its_row(tmp_path, cell):
    path = tmp_path / "a.csv"
    files.write_csv(path, pd.DataFrame({"speaker": ["0", "-1", cell]}))
    with pytest.raises(InputError, match=r"a\.csv: row 3: speaker is .* instead of a whole number"):
        reading.read_csv(path, columns={"speaker": INDEX})
    with pytest.raises(InputError, match=r"row 1: speaker is .* instead of one of a, b \(delete"):
        reading.read_csv(path, columns={"speaker": frozenset("ab")})


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_such_numbers(tmp_path, constant):
    path = tmp_path / "a.json"
    path.write_text(f'{{"objective": {constant}}}')
    with pytest.raises(InputError, match=rf"a\.json: holds {constant}, which is no JSON \(delete"):
        reading.read_json(path, keys=["objective"])
