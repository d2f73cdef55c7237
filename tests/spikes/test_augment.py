"""Shuffling, shifting and blending: what they keep, what they change, and that they repeat."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spikespeech.kernels import codes
from spikespeech.spikes import SpikeTrains, augment, moving
from spikespeech.spikes.augment import Presentations

N_UNITS, N_STEPS = 70, 100


def random_trains(n=60, n_spikes=200, n_classes=5, seed=0):
    rng = np.random.default_rng(seed)
    return SpikeTrains.from_arrays(
        [np.sort(rng.uniform(30, 70, n_spikes)) for _ in range(n)],
        [rng.integers(25, 45, n_spikes) for _ in range(n)],
        rng.integers(0, n_classes, n),
        speakers=np.arange(n),
        n_units=N_UNITS,
        n_steps=N_STEPS,
        classes=tuple("abcde")[:n_classes],
    )


def join(batches):
    """All presentations of an epoch as (label, speaker, spike set), in order."""
    return [
        (label, speaker, example)
        for batch in batches
        for label, speaker, example in zip(
            batch.labels, batch.speakers, spike_sets(batch), strict=True
        )
    ]


def spike_sets(spikes):
    pairs = (np.column_stack(spikes.example(i)).tolist() for i in range(len(spikes)))
    return [{tuple(pair) for pair in example} for example in pairs]


def assert_ordered(batch):
    for i in range(len(batch)):
        steps, units = (a.astype(int) for a in batch.example(i))
        assert np.all(np.diff(steps * N_UNITS + units) > 0)
        assert steps.max(initial=0) < N_STEPS and units.max(initial=0) < N_UNITS


def test_batches_made_ahead_are_the_same_and_fail_the_same():
    made = Presentations(random_trains(), shift=3, blend=True, seed=3)
    assert join(augment.ahead(made.batches(1, 16))) == join(made.batches(1, 16))

    def failing():
        yield 1
        raise OSError("cut short")

    batches = augment.ahead(failing())
    assert next(batches) == 1
    with pytest.raises(OSError, match="cut short"):
        next(batches)


def test_plain_epochs_are_shuffles_of_the_examples():
    spikes = random_trains()
    plain = Presentations(spikes, seed=3)
    first, second = join(plain.batches(1, 16)), join(plain.batches(2, 16))
    originals = spike_sets(spikes)
    for epoch in (first, second):
        speakers = [speaker for _, speaker, _ in epoch]
        assert sorted(speakers) == list(range(len(spikes)))
        assert all(spikes_ == originals[s] for _, s, spikes_ in epoch)
        assert all(label == spikes.labels[s] for label, s, _ in epoch)
    assert [s for _, s, _ in first] != [s for _, s, _ in second]


ALL = {
    "warp": 0.3,
    "stretch": 0.4,
    "band": 20,
    "mask": 20,
    "drop": 0.1,
    "jitter": 3.0,
    "noise": 0.2,
    "delays": np.arange(N_UNITS) % 40,
}


@pytest.mark.parametrize("others", [{}, ALL], ids=["", "all"])
@pytest.mark.parametrize("blend", [False, True])
def test_an_epoch_depends_on_seed_and_epoch_alone(blend, others):
    spikes = random_trains()
    made = Presentations(spikes, shift=7, blend=blend, seed=5, **others)
    reference = join(made.batches(4, 16))
    late = made.late
    assert len(reference) == len(made) == len(spikes) * (1 + blend)
    assert (late > 0) == bool(others)
    list(made.batches(9, 8))
    assert join(made.batches(4, 7)) == reference and made.late == late
    again = Presentations(spikes, shift=7, blend=blend, seed=5, **others)
    assert join(again.batches(4, 60)) == reference
    assert join(made.batches(5, 16)) != reference
    again = Presentations(spikes, shift=7, blend=blend, seed=6, **others)
    assert join(again.batches(4, 16)) != reference


@pytest.mark.parametrize("others", [{}, ALL], ids=["", "all"])
@pytest.mark.parametrize("blend", [False, True])
def test_batches_keep_the_order_that_spike_trains_promise(blend, others):
    made = Presentations(random_trains(), shift=40, blend=blend, seed=1, **others)
    for batch in made.batches(1, 16):
        assert_ordered(batch)


def one_spike_a_unit(n=300):
    """Examples in which unit k spikes once, at step k."""
    units = np.arange(N_UNITS)
    return SpikeTrains.from_arrays(
        [units + 0.5] * n, [units] * n, [0] * n, n_units=N_UNITS, n_steps=N_STEPS
    )


def drawn(**settings):
    """(steps, units) of each presentation of an epoch of `one_spike_a_unit`."""
    made = Presentations(one_spike_a_unit(), seed=3, **settings)
    batches = list(made.batches(1, 64))
    return [
        tuple(a.astype(int) for a in batch.example(i))
        for batch in batches
        for i in range(len(batch))
    ], made


def test_a_warp_scales_the_distance_from_the_middle_unit():
    middle, logs = (N_UNITS - 1) / 2, []
    for steps, units in drawn(warp=0.5)[0]:
        expected = steps - middle  # a spike's step tells the unit that it came from
        far = np.abs(expected) > 10
        factor = np.median((units - middle)[far] / expected[far])
        assert np.abs(units - (expected * factor + middle)).max() < 1.5
        logs.append(np.log(factor))
    assert stats.kstest(logs, stats.uniform(-0.5, 1).cdf).pvalue > 1e-3


def test_a_warp_comes_after_the_shift():
    whole = Presentations(one_spike_a_unit(1), shift=3, seed=1)
    (shifted,) = whole.batches(1, 1)
    (warped,) = Presentations(one_spike_a_unit(1), shift=3, warp=1e-9, seed=1).batches(1, 1)
    assert spike_sets(warped) == spike_sets(shifted)


def test_a_stretch_multiplies_steps_and_cuts_at_the_end():
    logs = []
    for steps, units in drawn(stretch=0.6)[0]:
        factor = steps[-1] / units[-1]  # a spike's unit tells the step that it came from
        assert np.abs(steps - units * factor).max() < 2
        assert len(units) == N_UNITS or (units[-1] + 2) * factor > N_STEPS - 2
        logs.append(np.log(factor))
    assert stats.kstest(logs, stats.uniform(-0.6, 1.2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("what", ["band", "mask"])
def test_bands_and_masks_silence_neighbours(what):
    widths = []
    for _, units in drawn(**{what: 12})[0]:
        missing = np.setdiff1d(np.arange(N_UNITS), units)
        assert len(missing) == 0 or np.all(np.diff(missing) == 1)
        widths.append(len(missing))
    if what == "band":  # a mask may lie after the last spike
        assert stats.chisquare(np.bincount(widths, minlength=13)).pvalue > 1e-3
    assert max(widths) == 12 and min(widths) == 0


def test_spikes_are_dropped_one_by_one_with_one_probability():
    kept = np.zeros(N_UNITS, int)
    for _, units in drawn(drop=0.3)[0]:
        kept[units] += 1
    assert kept.sum() == pytest.approx(0.7 * 300 * N_UNITS, abs=4 * np.sqrt(0.21 * 300 * N_UNITS))
    assert kept.min() > 170 and kept.max() < 250


def test_jitter_moves_each_spike_by_its_own_normal_number():
    moves = np.concatenate([(s - u)[(u > 20) & (u < 50)] for s, u in drawn(jitter=4.0)[0]])
    assert np.mean(moves) == pytest.approx(0, abs=0.2)
    assert np.std(moves) == pytest.approx(np.sqrt(16 + 1 / 12), rel=0.03)
    assert abs(stats.kurtosis(moves)) < 0.5


@pytest.mark.parametrize("longest", [0, 30, 3 * N_STEPS])
def test_spikes_come_out_in_order_and_once_wherever_they_go(longest):
    """All that is moved at once, against sets of spikes that are moved one by one."""
    spikes, rng = random_trains(n=20), np.random.default_rng(longest)
    n = len(spikes)
    shifts, keys = rng.integers(-N_UNITS, N_UNITS, n), np.zeros(n, np.uint64)
    warps, stretches = np.exp(rng.uniform(-1, 1, (2, n)))
    bands, masks = (np.sort(rng.integers(0, size, (n, 2)), 1) for size in (N_UNITS, N_STEPS))
    delays = rng.integers(0, longest, N_UNITS, endpoint=True)
    given = shifts, warps, stretches, bands, masks, 0.0, 0.0, 0.0, delays, keys
    out = moving.moved(moving.by_unit(spikes), np.arange(n), *given)
    middle, late, expected = (N_UNITS - 1) / 2, 0, []
    for i in range(n):
        kept = set()
        for step, unit in np.column_stack(spikes.example(i)).astype(int):
            to = int(np.floor((unit + shifts[i] - middle) * warps[i] + middle + 0.5))
            then = int(step * stretches[i] + 0.5)
            silent = bands[i][0] <= unit < bands[i][1] or masks[i][0] <= step < masks[i][1]
            if not silent and 0 <= to < N_UNITS and then < N_STEPS:
                late += then + delays[to] >= N_STEPS
                kept |= {(then + delays[to], to)} if then + delays[to] < N_STEPS else set()
        expected.append(sorted(kept))
    offsets, steps, units, lost = out
    found = list(zip(steps.tolist(), units.tolist(), strict=True))
    assert [found[a:b] for a, b in itertools.pairwise(offsets)] == expected
    assert lost == late and (late > 0) == (longest > 0)


def test_noise_adds_spikes_anywhere():
    added = [
        (s, u)
        for steps, units in drawn(noise=0.5)[0]
        for s, u in zip(steps, units, strict=True)
        if s != u
    ]
    assert len(added) == pytest.approx(0.5 * N_UNITS * 300, rel=0.02)
    steps, units = np.transpose(added)
    assert stats.kstest(steps + 0.5, stats.uniform(0, N_STEPS).cdf).statistic < 0.03
    assert stats.kstest(units + 0.5, stats.uniform(0, N_UNITS).cdf).statistic < 0.03


def test_a_delay_is_that_of_the_unit_arrived_at_and_late_spikes_are_counted():
    delays = np.where(np.arange(N_UNITS) < 40, 0, 60)
    plain, made = drawn(shift=9), drawn(shift=9, delays=delays)[1]
    late = 0
    for (steps, units), (after, arrived) in zip(
        plain[0], drawn(shift=9, delays=delays)[0], strict=True
    ):
        due = steps + delays[units]
        late += np.sum(due >= N_STEPS)
        assert sorted(zip(due[due < N_STEPS], units[due < N_STEPS], strict=True)) == list(
            zip(after, arrived, strict=True)
        )
    assert made.late == late > 0


def test_shift_moves_each_presentation_as_a_whole_and_uniformly():
    spikes = random_trains(n=50)
    shifted = Presentations(spikes, shift=4, seed=2)
    originals, moves = spike_sets(spikes), []
    for epoch in range(1, 41):
        for _, speaker, spikes_ in join(shifted.batches(epoch, 16)):
            by = [
                u
                for u in range(-4, 5)
                if {(step, unit + u) for step, unit in originals[speaker]} == spikes_
            ]
            assert len(by) == 1
            moves += by
    counts = np.bincount(np.array(moves) + 4, minlength=9)
    assert counts.sum() == 2000 and stats.chisquare(counts).pvalue > 1e-3


def test_shift_drops_spikes_that_leave_the_channels():
    spikes = SpikeTrains.from_arrays(
        [np.arange(N_UNITS, dtype=float)], [np.arange(N_UNITS)], [0], n_units=N_UNITS, n_steps=100
    )
    shifted = Presentations(spikes, shift=2 * N_UNITS, seed=0)
    sizes = set()
    for epoch in range(1, 200):
        (batch,) = shifted.batches(epoch, 1)
        steps, units = (a.astype(int) for a in batch.example(0))
        moved = np.unique(units - steps)
        assert len(moved) <= 1
        assert len(steps) == max(0, N_UNITS - abs(int(moved[0]))) if len(moved) else True
        sizes.add(len(steps))
    assert 0 in sizes and len(sizes) > 20


def test_a_blend_is_half_of_two_examples_of_one_class_aligned():
    """Each class has two examples, far apart; so the pair of every blend is known."""
    rng = np.random.default_rng(0)
    times = [np.sort(rng.uniform(lo, lo + 20, 300)) for lo in (10, 60, 0, 40)]
    units = [rng.integers(lo, lo + 20, 300) for lo in (0, 40, 10, 41)]
    spikes = SpikeTrains.from_arrays(times, units, [0, 0, 1, 1], n_units=N_UNITS, n_steps=N_STEPS)
    kept = possible = 0
    for epoch in range(1, 30):
        for batch in Presentations(spikes, blend=True, seed=1).batches(epoch, 8):
            for i in range(len(batch)):
                blended = spike_sets(batch)[i]
                pair = np.flatnonzero(spikes.labels == batch.labels[i])
                if any(blended == spike_sets(spikes)[j] for j in pair):
                    continue
                a, b = (np.column_stack(spikes.example(j)).astype(int) for j in pair)
                move = ((b.mean(0) - a.mean(0)) / 2).astype(int)
                one, other = {tuple(s) for s in a + move}, {tuple(s) for s in b - move}
                assert blended <= one | other
                only = one ^ other
                kept += len(blended & only)
                possible += len(only)
                assert len(blended & one & other) > 0.4 * len(one & other)
    assert kept / possible == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(possible))


def test_blends_follow_the_classes_and_choose_another_example():
    spikes = random_trains(n=200, n_spikes=30)
    made = Presentations(spikes, blend=True, seed=1)
    rng = np.random.default_rng(1)
    examples = rng.integers(0, 200, 2000)
    partners = made._partners(examples, rng)
    assert np.array_equal(spikes.labels[partners], spikes.labels[examples])
    assert np.all(partners != examples)
    same = spikes.labels == spikes.labels[0]
    counts = np.bincount(made._partners(np.zeros(4000, int), rng), minlength=200)
    assert stats.chisquare(counts[same & (np.arange(200) > 0)]).pvalue > 1e-3


def test_a_class_with_one_example_blends_with_itself():
    spikes = random_trains(n=1, n_classes=1)
    (batch,) = Presentations(spikes, blend=True, seed=0).batches(1, 8)
    assert len(batch) == 2
    assert set.union(*spike_sets(batch)) == spike_sets(spikes)[0]


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 90), st.booleans(), st.integers(0, 2**31))
def test_any_data_make_ordered_batches(n, n_spikes, blend, seed):
    """Blends may move spikes out of the trial and shifts out of the channels; none may wrap."""
    rng = np.random.default_rng(seed)
    binned = []
    for _ in range(n):
        cells = np.sort(rng.choice(N_UNITS * N_STEPS, rng.integers(0, n_spikes + 1), replace=False))
        binned.append(((cells // N_UNITS).astype(np.uint16), (cells % N_UNITS).astype(np.uint16)))
    labels = rng.integers(0, 3, n)
    spikes = SpikeTrains.from_binned(binned, labels, labels, N_STEPS, N_UNITS, 1.0, tuple("abc"))
    for others in ({}, ALL):
        made = Presentations(spikes, shift=35, blend=blend, seed=seed, **others)
        total = 0
        for batch in made.batches(1, 4):
            assert_ordered(batch)
            total += len(batch)
        assert total == n * (1 + blend)


@settings(deadline=None)
@given(*2 * [st.sets(st.integers(0, 99).map(lambda code: code * 40_000))])
def test_a_merge_is_the_ordered_union(first, second):
    none = [np.iinfo(np.uint32).max] * 2 * codes.LANES
    kept = np.array([*sorted(first), *none, *sorted(second), *none], np.uint32)
    both = np.empty(len(kept) + augment.BLOCK, np.uint32)
    total = augment._merge(kept, len(first) + len(none), len(kept), both)
    assert both[:total].tolist() == sorted([*first, *second])
    steps, units = np.zeros((2, len(both)), np.uint16)
    end = moving.write_distinct(both, total, steps, units, 1)
    written = steps.astype(int) << 16 | units
    assert written[1:end].tolist() == sorted(first | second)


@pytest.mark.parametrize("compresses", [codes.COMPRESSES, False])
def test_codes_are_kept_in_order_with_and_without_an_instruction_for_it(compresses, monkeypatch):
    monkeypatch.setattr(codes, "COMPRESSES", compresses)

    @numba.njit
    def keep(steps, units, by, wanted, kept, out_steps, out_units):
        some = codes.moved(codes.encode(steps, units, 1), by)
        return (
            codes.keep(some, wanted, kept, 2),
            codes.decode(some, wanted, out_steps, out_units, 3),
        )

    rng = np.random.default_rng(1)
    for n in range(codes.LANES + 1):
        steps, units = rng.integers(0, 2**15, (2, codes.LANES + 1), dtype=np.uint16)
        wanted = rng.permutation(np.arange(codes.LANES) < n)
        bits = np.uint64(wanted @ 2 ** np.arange(codes.LANES))
        kept, (out_steps, out_units) = np.zeros(40, np.uint32), np.zeros((2, 40), np.uint16)
        moved = np.uint32(5 << 16 | 7)
        assert keep(steps, units, moved, bits, kept, out_steps, out_units) == (2 + n, 3 + n)
        codes_moved = (steps[1:][wanted].astype(int) + 5) << 16 | units[1:][wanted] + 7
        np.testing.assert_array_equal(kept[2 : 2 + n], codes_moved)
        np.testing.assert_array_equal(out_steps[3 : 3 + n], steps[1:][wanted] + 5)
        np.testing.assert_array_equal(out_units[3 : 3 + n], units[1:][wanted] + 7)
