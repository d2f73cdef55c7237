"""Intervals and tests against textbook values and simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikespeech import statistics
from spikespeech.errors import InputError


def wilson_by_hand(correct, n, z=1.959963984540054):
    p = correct / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


@settings(deadline=None)
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_proportion_is_wilsons_interval(pair):
    correct, n = pair
    interval = statistics.proportion(correct, n)
    assert interval.estimate == correct / n
    np.testing.assert_allclose(interval[1:], wilson_by_hand(correct, n), atol=1e-12)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_interval_of_the_published_test_set_size():
    """87 % of SHD's 2264 test examples: about +-1.39 points (published-results note, caveat 5)."""
    _, low, high = statistics.proportion(round(0.87 * 2264), 2264)
    assert (high - low) / 2 == pytest.approx(0.0139, abs=2e-4)


@pytest.mark.parametrize("correct,n", [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts_are_named(correct, n):
    with pytest.raises(InputError, match=f"{correct} correct of {n}"):
        statistics.proportion(correct, n)


def test_accuracy_by_group_and_confusion():
    labels = np.array([0, 0, 1, 1, 1, 2])
    predictions = np.array([0, 1, 1, 1, 0, 2])
    table = statistics.accuracy_by(labels, labels, predictions)
    assert table.group.tolist() == [0, 1, 2]
    assert table.n.tolist() == [2, 3, 1] and table.correct.tolist() == [1, 2, 1]
    assert table.low.between(0, table.accuracy).all()
    assert table.high.between(table.accuracy, 1).all()
    named = statistics.accuracy_by(np.array(["a", "a", "b", "b", "b", "c"], object), labels, labels)
    assert named.group.tolist() == ["a", "b", "c"] and named.correct.tolist() == [2, 3, 1]
    matrix = statistics.confusion(labels, predictions, 4)
    assert matrix.tolist() == [[1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert statistics.accuracy(labels, predictions).estimate == np.trace(matrix) / 6


def test_mean_interval_covers_at_its_confidence():
    rng = np.random.default_rng(1)
    intervals = [statistics.mean(rng.normal(2, 3, 5)) for _ in range(2000)]
    covered = np.mean([i.low <= 2 <= i.high for i in intervals])
    assert covered == pytest.approx(0.95, abs=0.02)


def test_an_accuracys_interval_stays_within_0_and_1():
    interval = statistics.mean_accuracy([0.1, 0.2, 0.6])
    assert interval.low == 0 and interval.high < 1
    assert interval.high == pytest.approx(statistics.mean([0.1, 0.2, 0.6]).high)
    assert np.isnan(statistics.mean_accuracy([0.4]).low)
    assert np.isnan(statistics.mean_accuracy([np.nan], 10)).all()
    assert np.isnan(statistics.mean_accuracy([0.9], np.nan).low)
    # One network, or several that are right alike: words are what is left to vary.
    for values in ([0.9], [0.9, 0.9]):
        assert statistics.mean_accuracy(values, 20) == statistics.proportion(18, 20)


def test_crossed_interval_varies_networks_and_examples():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(100):
        words, networks = rng.normal(0, 1, 40), rng.normal(0, 0.5, 30)
        interval = statistics.crossed(0.3 + networks[:, None] + words + rng.normal(0, 1, (30, 40)))
        covered.append(interval.low <= 0.3 <= interval.high)
    assert 0.88 <= np.mean(covered) <= 1
    # Ten networks that agree on every word know no more than one.
    hits = np.tile(np.arange(50) < 40, (10, 1))
    wilson = statistics.proportion(40, 50)
    interval = statistics.crossed(hits)
    assert interval.high - interval.low == pytest.approx(wilson.high - wilson.low, rel=0.15)
    assert interval == statistics.crossed(hits)


def test_hits_of_one_network_have_the_interval_of_a_proportion():
    right = np.arange(200) < 189
    assert statistics.of_hits([right]) == statistics.proportion(189, 200)
    both = np.array([right, right[::-1]])
    assert statistics.of_hits(both) == statistics.crossed(both)


def test_crossed_interval_of_what_never_varies():
    assert statistics.crossed(np.ones((3, 10))) == statistics.proportion(10, 10)
    assert statistics.crossed(np.zeros((3, 10))) == statistics.proportion(0, 10)
    assert np.isnan(statistics.crossed([[1.0], [0.0]]).low)
    with pytest.raises(InputError, match="no values"):
        statistics.crossed(np.zeros((3, 0)))


def test_one_value_has_no_interval():
    interval = statistics.mean([0.5])
    assert interval.estimate == 0.5 and np.isnan(interval.low) and np.isnan(interval.high)
    assert np.isnan(statistics.paired_difference([0.5], [0.25]).p_value)


def test_paired_difference_reproduces_the_published_test():
    """SHD, 256 hidden: Lava minus float is -2.53 points, p = 0.015 (published table, section 2)."""
    lava = [80.39, 82.07, 83.61, 81.14, 83.39]
    floating = [84.10, 83.39, 84.36, 84.36, 87.01]
    difference = statistics.paired_difference(lava, floating)
    assert difference.estimate == pytest.approx(-2.53, abs=0.01)
    assert difference.p_value == pytest.approx(0.015, abs=0.001)
    assert difference.high < 0


def test_equal_differences_need_no_t_test():
    """Three networks that each get one word more right are no proof: their spread is not seen."""
    assert statistics.paired_difference([1, 2, 3], [1, 2, 3]) == (0, 0, 0, 1)
    alike = statistics.paired_difference([0.932, 0.944, 0.9], [0.928, 0.94, 0.896])
    assert alike.estimate == pytest.approx(0.004) and np.isnan(alike[1:]).all()
    assert np.isnan(statistics.paired_difference([2], [2]).p_value)
    assert statistics.mean([0.4, 0.4]).estimate == 0.4
    assert np.isnan(statistics.mean([0.4, 0.4])[1:]).all()
    with pytest.raises(InputError, match="3 values cannot be paired with 2"):
        statistics.paired_difference([1, 2, 3], [1, 2])


def test_mcnemar_is_the_exact_sign_test_of_the_disagreements():
    labels = np.zeros(20, dtype=int)
    first = np.array([0] * 18 + [1] * 2)
    second = np.array([0] * 8 + [1] * 10 + [0, 1])
    result = statistics.mcnemar(labels, first, second)
    assert result[:2] == (10, 1)
    assert result.p_value == pytest.approx(2 * sum([1, 11]) / 2**11)
