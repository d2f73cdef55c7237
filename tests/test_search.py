"""The space of a search, its proposers, its chains and what its trials say."""

import copy
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikespeech import comparison, search, space
from spikespeech.errors import InputError

SPACE = {
    "learning_rate": {"type": "real", "low": 1e-4, "high": 1e-1, "scale": "log"},
    "loss.mu": {"type": "real", "low": 0.0, "high": 1.0},
    "hidden": {"type": "integer", "low": 16, "high": 256, "scale": "log"},
    "augmentation.blend": {"type": "categorical", "values": [False, True]},
}
BASE = {
    "learning_rate": 1e-3,
    "loss": {"name": "gaussian", "mu": 0.35, "sigma": 0.2},
    "hidden": 64,
    "epochs": 10,
    "augmentation": {"shift": 15, "blend": False},
    "initial_weights": {"input_hidden": [0.03, 0.01]},
    "seed": 1,
}
PROPOSING = {
    "trials": 4,
    "initial": {"trials": 4, "design": "latin_hypercube"},
    "surrogate": "GP",
    "acquisition": "EI",
}
DIMENSIONS = space.parse(SPACE)


def planted(point):
    """Objective with its optimum, 1, planted at learning rate 0.005, mu 0.3, hidden 100."""
    return (
        1
        - ((math.log10(point["learning_rate"]) + 2.3) / 1.5) ** 2
        - 3 * (point["loss.mu"] - 0.3) ** 2
        - (math.log2(point["hidden"] / 100) / 4) ** 2
        - 0.1 * point["augmentation.blend"]
    )


def chain(proposer, seed, rounds, **changes):
    """Return the trial records of a chain on the planted objective."""
    records = []
    for round in range(1, rounds + 1):
        who = search.INITIAL if round == 1 else proposer
        points = search.propose(
            who, DIMENSIONS, records, seed=seed, round=round, **{**PROPOSING, **changes}
        )
        records += [
            {"round": round, "trial": i, "point": p, "objective": planted(p)}
            for i, p in enumerate(points, start=1)
        ]
    return records


# --- the space


@given(st.floats(0, 1), st.sampled_from(DIMENSIONS))
def test_a_value_lies_where_its_position_says(position, dimension):
    value = dimension.value(position)
    assert value == dimension.value(dimension.position(value))
    assert json.loads(json.dumps(value)) == value
    if not isinstance(dimension, space.Categorical):
        assert dimension.low <= value <= dimension.high


def test_bounds_and_levels():
    named = {d.key: d for d in DIMENSIONS}
    rate, hidden = named["learning_rate"], named["hidden"]
    assert (rate.value(0), rate.value(1)) == (1e-4, 1e-1)
    assert rate.levels(4) == [1e-4, 1e-3, 1e-2, 1e-1]
    assert (hidden.value(0), hidden.value(1)) == (16, 256)
    assert hidden.levels(3) == [16, 64, 256]
    assert space.Integer("shift", 0, 1).levels(4) == [0, 1]


def test_integers_are_drawn_evenly():
    shift = space.Integer("shift", 3, 6)
    drawn = [shift.value(p) for p in (np.arange(400) + 0.5) / 400]
    assert np.bincount(drawn).tolist() == [0, 0, 0, 100, 100, 100, 100]


def test_apply_sets_any_setting_and_leaves_the_base_alone():
    before = copy.deepcopy(BASE)
    loss = {"name": "sum_exp"}
    changed = space.apply(
        BASE, {"augmentation.shift": 3, "initial_weights.input_hidden.1": 0.02, "loss": loss}
    )
    assert changed["augmentation"] == {"shift": 3, "blend": False}
    assert changed["initial_weights"]["input_hidden"] == [0.03, 0.02]
    assert changed["loss"] == loss
    assert before == BASE


@pytest.mark.parametrize(
    ("key", "entry", "words"),
    [
        ("learning_rte", {"type": "real", "low": 1, "high": 2}, "space.learning_rte"),
        ("loss.nu", {"type": "real", "low": 1, "high": 2}, "no setting 'nu' in loss; known: name"),
        ("epochs.x", {"type": "real", "low": 1, "high": 2}, "space.epochs.x"),
        ("loss.mu", {"type": "real", "low": 0.5, "high": 0.5}, "loss.mu: low 0.5 is not below"),
        ("hidden", {"type": "integer", "low": 64, "high": 16}, "hidden: low 64 is not below"),
        ("hidden", {"type": "integer", "low": 1.5, "high": 16}, "hidden.low: 1.5 is not an int"),
        (
            "loss.mu",
            {"type": "real", "low": 0, "high": 1, "scale": "log"},
            "loss.mu.low: a log scale cannot reach 0",
        ),
        ("augmentation.blend", {"type": "integer", "low": 0, "high": 1}, "type: categorical"),
        ("augmentation.blend", {"type": "categorical", "values": [True]}, "at least two"),
        ("seed", {"type": "integer", "low": 0, "high": 9}, "objective.seeds"),
    ],
)
def test_a_bad_dimension_is_refused_by_its_key(key, entry, words):
    with pytest.raises(InputError) as refused:
        space.check(space.parse({key: entry}), BASE)
    assert f"space.{key}" in str(refused.value)
    assert words in str(refused.value)


def test_settings_within_each_other_are_refused():
    section = {"loss": {"type": "categorical", "values": [{"name": "sum"}, {"name": "max"}]}}
    with pytest.raises(InputError, match="lies within loss"):
        space.check(space.parse(section | {"loss.mu": SPACE["loss.mu"]}), BASE)


# --- the proposers


@pytest.mark.parametrize("proposer", search.PROPOSERS)
def test_proposals_depend_on_records_seed_and_round_alone(proposer):
    records = chain("random", 1, 2)
    ask = {"seed": 1, "round": 3, **PROPOSING}
    points = search.propose(proposer, DIMENSIONS, records, **ask)
    assert len(points) == PROPOSING["trials"]
    assert points == search.propose(proposer, DIMENSIONS, records[::-1], **ask)
    assert points != search.propose(proposer, DIMENSIONS, records, **ask | {"seed": 2})
    assert points != search.propose(proposer, DIMENSIONS, records, **ask | {"round": 4})
    for point in points:
        assert json.loads(json.dumps(point)) == point
        assert list(point) == sorted(SPACE)
        assert all(d.value(d.position(point[d.key])) == point[d.key] for d in DIMENSIONS)


@pytest.mark.parametrize("design", ["latin_hypercube", "sobol", "random"])
def test_the_initial_design_is_the_same_in_whatever_rounds(design):
    initial = {"trials": 8, "design": design}
    whole = search.initial_design(DIMENSIONS, seed=3, **initial)
    rounds = [
        search.propose(
            search.INITIAL,
            DIMENSIONS,
            [],
            seed=3,
            round=round,
            **PROPOSING | {"initial": initial},
        )
        for round in (1, 2)
    ]
    assert rounds[0] + rounds[1] == whole
    assert len({json.dumps(point) for point in whole}) == 8
    assert whole != search.initial_design(DIMENSIONS, seed=4, **initial)


def test_a_latin_hypercube_has_every_setting_once_in_each_share():
    design = search.initial_design(DIMENSIONS, trials=8, design="latin_hypercube", seed=1)
    shares = space.positions(DIMENSIONS, design)[:, [d.key == "loss.mu" for d in DIMENSIONS]]
    assert sorted((shares * 8).astype(int).ravel().tolist()) == list(range(8))


def test_the_grid_is_visited_once_whatever_the_rounds():
    points = [r["point"] for r in chain("grid", 1, 1 + 4 * 4 * 4 * 2 // 4)][4:]
    assert len({json.dumps(p) for p in points}) == 4 * 4 * 4 * 2
    assert {p["learning_rate"] for p in points} == {1e-4, 1e-3, 1e-2, 1e-1}


def test_no_point_is_proposed_twice_in_a_small_space():
    dimensions = space.parse({"hidden": {"type": "integer", "low": 1, "high": 6}})
    records = []
    for round in (1, 2, 3):
        points = search.propose(
            "bayesian" if round > 1 else "initial",
            dimensions,
            records,
            seed=1,
            round=round,
            **PROPOSING | {"trials": 2, "initial": {"trials": 2, "design": "random"}},
        )
        records += [
            {"round": round, "trial": i, "point": p, "objective": -abs(p["hidden"] - 4)}
            for i, p in enumerate(points)
        ]
    assert len({r["point"]["hidden"] for r in records}) >= 5


def test_bad_trials_are_avoided_not_dropped():
    """Where half the space fails (objective 0, as failed trials have), the model keeps out."""
    dimensions = space.parse({"loss.mu": {"type": "real", "low": 0, "high": 1}})
    mus = [0.05, 0.25, 0.45, 0.55, 0.75, 0.95]
    records = [
        {
            "round": 1,
            "trial": i,
            "point": {"loss.mu": mu},
            "objective": 0.0 if mu > 0.5 else 0.6 + mu / 5,
        }
        for i, mu in enumerate(mus)
    ]
    points = search.propose("bayesian", dimensions, records, seed=1, round=2, **PROPOSING)
    assert sum(p["loss.mu"] < 0.55 for p in points) >= 3


def test_bayesian_search_finds_a_planted_optimum_in_fewer_trials_than_random():
    seeds, rounds = range(1, 6), 7
    table = pd.DataFrame(
        [
            {
                "search": "planted",
                "proposer": proposer,
                "seed": seed,
                "order": order,
                "objective": record["objective"],
                "cpu_seconds": 0.0,
            }
            for proposer in ("bayesian", "random")
            for seed in seeds
            for order, record in enumerate(chain(proposer, seed, rounds), start=1)
        ]
    )
    result = comparison.compare(table).set_index("proposer")
    bayesian, random = result.loc["bayesian"], result.loc["random"]
    assert bayesian.incumbent > 0.98
    assert bayesian.reached == len(seeds)
    assert bayesian.trials_to_reach < random.trials_to_reach
    assert bayesian.difference_low > 0
    assert bayesian.p_rank == bayesian.smallest_p == 2 / 2**5
    assert bayesian.regret < random.regret
