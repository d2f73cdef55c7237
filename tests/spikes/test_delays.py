"""Input delays: what is drawn, what arrives when, and what comes too late."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikespeech.errors import InputError
from spikespeech.spikes import SpikeTrains, delays


def trains(*examples, n_units=3, n_steps=10):
    binned = [np.array(example, np.uint16).reshape(-1, 2).T for example in examples]
    labels = [0] * len(examples)
    return SpikeTrains.from_binned(binned, labels, labels, n_steps, n_units, 1.0, ("a",))


def spikes_of(spikes):
    return [list(zip(*map(list, spikes.example(i)), strict=True)) for i in range(len(spikes))]


def test_each_spike_comes_later_by_the_delay_of_its_channel():
    spikes = trains([(0, 2), (1, 0), (3, 1)], [(9, 0), (9, 1), (8, 2)], [(4, 1)])
    later, lost = delays.delayed(spikes, [1, 0, 4])
    assert spikes_of(later) == [[(2, 0), (3, 1), (4, 2)], [(9, 1)], [(4, 1)]]
    assert lost.tolist() == [0, 2, 0]
    assert later.labels is spikes.labels and later.n_steps == 10


def test_no_delay_changes_nothing():
    spikes = trains([(0, 2), (1, 0), (3, 1)], [])
    same, lost = delays.delayed(spikes, np.zeros(3, int))
    assert spikes_of(same) == spikes_of(spikes)
    assert lost.tolist() == [0, 0]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 130), st.integers(1, 40))
def test_delays_move_every_spike_and_keep_the_order(seed, n_units, high):
    rng = np.random.default_rng(seed)
    cells = np.unique(rng.integers(0, 50 * n_units, 200))
    spikes = trains(np.column_stack(divmod(cells, n_units)), n_units=n_units, n_steps=50)
    drawn = delays.draw({"kind": "random", "high": high}, n_units, seed)
    later, lost = delays.delayed(spikes, drawn)
    expected = sorted((int(s) + int(drawn[u]), int(u)) for s, u in spikes_of(spikes)[0])
    assert spikes_of(later)[0] == [spike for spike in expected if spike[0] < 50]
    assert lost[0] == sum(step >= 50 for step, _ in expected)


def test_random_delays_come_from_the_seed_and_reach_both_ends():
    kind = {"kind": "random", "high": 3}
    drawn = delays.draw(kind, 700, 5)
    assert drawn.tolist() == delays.draw(kind, 700, 5).tolist()
    assert drawn.tolist() != delays.draw(kind, 700, 6).tolist()
    assert np.bincount(drawn).min() > 100 and len(np.bincount(drawn)) == 4


def test_none_are_drawn_without_settings():
    assert delays.draw(delays.parse(None), 700, 1) is None
    assert delays.draw({}, 700, 1) is None


def test_a_table_has_one_whole_number_a_channel(tmp_path):
    path = tmp_path / "delays.csv"
    table = delays.parse({"kind": "table", "path": str(path)})
    path.write_text("delay\n0\n7\n3\n")
    assert delays.draw(table, 3, 1).tolist() == [0, 7, 3]
    with pytest.raises(InputError, match=r"delays\.csv: 3 delays for 4 channels"):
        delays.draw(table, 4, 1)
    path.write_text("delay\n0\n-7\n3\n")
    with pytest.raises(InputError, match="channel 1: the delay -7 is no whole number"):
        delays.draw(table, 3, 1)


def test_what_another_kind_asks_for_is_left_out():
    both = {"kind": "table", "path": "x", "high": 3}
    assert delays.parse(both) == {"kind": "table", "path": "x"}
    assert delays.parse(both | {"kind": "random"}) == {"kind": "random", "high": 3}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "random"},
        {"kind": "random", "high": -1},
        {"kind": "random", "high": 1.5},
        {"kind": "learned", "high": 3},
        {"high": 3},
        {"kind": "table", "high": 3},
        {"kind": "random", "high": 3, "low": 1},
    ],
)
def test_other_settings_are_refused(wrong):
    with pytest.raises(InputError, match=r"delays\.input"):
        delays.parse(wrong, "delays.input")
