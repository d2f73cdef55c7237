"""The space of a search, its proposers, its chains and what its trials say."""

import copy
import itertools
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from spikespeech.errors import InputError
from spikespeech.search import analysis, evolution, propose, space, studies, trials
from spikespeech.training.loop import TrainingFailed
from spikespeech.training.settings import Settings

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
        who = propose.INITIAL if round == 1 else proposer
        points = propose.propose(
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


def test_a_key_of_several_settings_gives_all_of_them_one_value():
    tied = "regularisation.lambda_upper=regularisation.lambda_lower"
    base = {"regularisation": {"lambda_upper": 1.0, "lambda_lower": 2.0, "spikes": 3}}
    (dimension,) = dimensions = space.parse({tied: {"type": "real", "low": 0.5, "high": 4.0}})
    space.check(dimensions, base)
    changed = space.apply(base, space.point(dimensions, [1.0]))
    assert changed["regularisation"] == {"lambda_upper": 4.0, "lambda_lower": 4.0, "spikes": 3}
    assert dimension.key == tied and base["regularisation"]["lambda_lower"] == 2.0
    with pytest.raises(InputError, match=r"space\.regularisation\.lambda_lower: lies within"):
        alone = {"type": "real", "low": 0.5, "high": 4.0}
        space.check(space.parse({tied: alone, "regularisation.lambda_lower": alone}), base)
    with pytest.raises(InputError, match="no setting 'lambda_l'"):
        wrong = {"regularisation.lambda_upper=regularisation.lambda_l": alone}
        space.check(space.parse(wrong), base)


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


@pytest.mark.parametrize("proposer", propose.PROPOSERS)
def test_proposals_depend_on_records_seed_and_round_alone(proposer):
    records = chain("random", 1, 2)
    ask = {"seed": 1, "round": 3, **PROPOSING}
    points = propose.propose(proposer, DIMENSIONS, records, **ask)
    assert len(points) == PROPOSING["trials"]
    assert points == propose.propose(proposer, DIMENSIONS, records[::-1], **ask)
    assert points != propose.propose(proposer, DIMENSIONS, records, **ask | {"seed": 2})
    assert points != propose.propose(proposer, DIMENSIONS, records, **ask | {"round": 4})
    for point in points:
        assert json.loads(json.dumps(point)) == point
        assert list(point) == sorted(SPACE)
        assert all(d.value(d.position(point[d.key])) == point[d.key] for d in DIMENSIONS)


@pytest.mark.parametrize("proposer", ["evolutionary", "random", "grid"])
def test_more_rounds_leave_the_earlier_ones_as_they_are(proposer):
    few, many = chain(proposer, 1, 3), chain(proposer, 1, 6)
    assert many[: len(few)] == few
    after = {"seed": 1, "round": 4, **PROPOSING}
    points = [record["point"] for record in many if record["round"] == 4]
    assert points == propose.propose(proposer, DIMENSIONS, few, **after)


def test_evolutionary_search_starts_around_the_best_of_the_initial_design():
    records = chain("evolutionary", 1, 1)
    best = max(records, key=lambda record: record["objective"])["point"]
    asked = [
        point
        for round in range(2, 102)
        for point in propose.propose(
            "evolutionary", DIMENSIONS, records, seed=1, round=round, **PROPOSING
        )
    ]
    offsets = space.positions(DIMENSIONS, asked) - space.positions(DIMENSIONS, [best])
    numeric = [not isinstance(d, space.Categorical) for d in DIMENSIONS]
    assert np.abs(offsets[:, numeric].mean(axis=0)).max() < evolution.STEP / 2
    assert offsets[:, numeric].std(axis=0).max() < 1.2 * evolution.STEP


def test_evolutionary_search_is_told_its_generations_as_it_drew_them(monkeypatch):
    drawn, told = [], []

    class Spy(evolution.CMAwM):
        def ask(self):
            point, raw = super().ask()
            drawn.append(raw.tolist())
            return point, raw

        def tell(self, solutions):
            told.append([raw.tolist() for raw, _ in solutions])
            super().tell(solutions)

    monkeypatch.setattr(evolution, "CMAwM", Spy)
    chain("evolutionary", 1, 4)
    # Each proposal draws the generations before its own again: 2; 2, 3; 2, 3, 4.
    second, third = drawn[:4], drawn[8:12]
    assert drawn == [*second, *second, *third, *second, *third, *drawn[-4:]]
    assert told == [second, second, third]


@pytest.mark.parametrize("trials", [2, 3, 5, 8])
def test_evolutionary_search_stays_in_the_space_and_never_settles_on_one_category(trials):
    """The margin: a share of the draws takes others, however narrow it gets around the best."""
    section = {
        "hidden": SPACE["hidden"],
        "augmentation.shift": {"type": "integer", "low": 0, "high": 2},
        "loss": {"type": "categorical", "values": [{"name": "sum"}, {"name": "max"}, None]},
    }
    dimensions = space.parse(section)
    best = {"hidden": 50, "augmentation.shift": 2, "loss": {"name": "sum"}}
    goal = space.positions(dimensions, [best])
    ask = PROPOSING | {"trials": trials, "initial": {"trials": trials, "design": "sobol"}}
    records = []
    for round in range(1, 41):
        who = propose.INITIAL if round == 1 else "evolutionary"
        points = propose.propose(who, dimensions, records, seed=1, round=round, **ask)
        where = space.positions(dimensions, points)
        assert where.shape == (trials, 3)
        assert (where >= 0).all() and (where <= 1).all()
        records += [
            {"round": round, "trial": i, "point": point, "objective": -float(distance)}
            for i, (point, distance) in enumerate(
                zip(points, np.linalg.norm(where - goal, axis=1), strict=True)
            )
        ]
    late = [record["point"] for record in records if record["round"] > 20]
    assert 0 < sum(point["loss"] != best["loss"] for point in late) < len(late) / 2


@pytest.mark.parametrize("design", ["latin_hypercube", "sobol", "random"])
def test_the_initial_design_is_the_same_in_whatever_rounds(design):
    initial = {"trials": 8, "design": design}
    whole = propose.initial_design(DIMENSIONS, seed=3, **initial)
    rounds = [
        propose.propose(
            propose.INITIAL,
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
    assert whole != propose.initial_design(DIMENSIONS, seed=4, **initial)


def test_a_latin_hypercube_has_every_setting_once_in_each_share():
    design = propose.initial_design(DIMENSIONS, trials=8, design="latin_hypercube", seed=1)
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
        points = propose.propose(
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
    points = propose.propose("bayesian", dimensions, records, seed=1, round=2, **PROPOSING)
    assert sum(p["loss.mu"] < 0.55 for p in points) >= 3


def compared(proposer, seeds, rounds, **changes):
    """Return the rows of a proposer and of random search in their comparison on `planted`."""
    table = pd.DataFrame(
        [
            {
                "search": "planted",
                "proposer": proposer,
                "seed": seed,
                "order": order,
                "objective": record["objective"],
                "accuracy": 1.0,
                "cpu_seconds": 0.0,
            }
            for proposer in (proposer, "random")
            for seed in seeds
            for order, record in enumerate(chain(proposer, seed, rounds, **changes), start=1)
        ]
    )
    result = analysis.compare(table).set_index("proposer")
    return result.loc[proposer], result.loc["random"]


def test_bayesian_search_finds_a_planted_optimum_in_fewer_trials_than_random():
    seeds = range(1, 6)
    bayesian, random = compared("bayesian", seeds, rounds=7)
    assert bayesian.incumbent > 0.98
    assert bayesian.reached == len(seeds)
    assert bayesian.trials_to_reach < random.trials_to_reach
    assert bayesian.difference_low > 0
    assert bayesian.p_rank == bayesian.smallest_p == 2 / 2**5
    assert bayesian.regret < random.regret


def test_evolutionary_search_comes_closer_to_a_planted_optimum_than_random():
    design = {"trials": 8, "design": "latin_hypercube"}
    evolutionary, random = compared(
        "evolutionary", range(1, 9), rounds=10, trials=8, initial=design
    )
    assert evolutionary.incumbent > 0.98
    assert evolutionary.difference_low > 0
    assert evolutionary.p_rank < 0.05
    assert evolutionary.regret < random.regret / 2


# --- studies of the configuration


@pytest.fixture(scope="module")
def config():
    """The default configuration, with one small search."""
    path = Path(__file__).parents[2] / "config/config.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) | {"search": {"tiny": STUDY}}


STUDY = {
    "dataset": "digits",
    "loss": "gaussian",
    "hidden": 32,
    "topology": "feedforward",
    "set": {"epochs": 7, "augmentation": {"shift": 2}},
    "space": SPACE,
    "objective": {"folds": ["main", "speaker-1"], "seeds": [1, 2], "cost": {}},
    "initial": {"trials": 4, "design": "sobol"},
    "rounds": 3,
    "trials": 2,
    "proposers": ["bayesian", "random"],
    "surrogate": "GP",
    "acquisition": "EI",
    "random_budget": 2,
    "seeds": [1, 2],
    "confirm": [11],
}


def test_a_study_starts_from_the_resolved_settings_of_its_network(config):
    study = studies.load(config)["tiny"]
    assert study.base["epochs"] == 7
    assert study.base["augmentation"] == config["training"]["augmentation"] | {"shift": 2}
    assert study.base["batch_size"] == config["training"]["batch_size"]
    assert study.base["loss"]["mu"] == config["losses"]["gaussian"]["mu"]
    assert (study.base["hidden"], study.base["recurrent"]) == (32, False)
    assert config["training"]["epochs"] != 7


def test_a_study_may_search_for_a_network_of_several_layers(config):
    deep = STUDY | {"hidden": [32, 16], "space": {"learning_rate": SPACE["learning_rate"]}}
    study = studies.load(config | {"search": {"tiny": deep}})["tiny"]
    assert Settings.parse(study.base).hidden == (32, 16)


def test_chains_share_the_rounds_of_the_initial_design(config):
    study = studies.load(config)["tiny"]
    bayesian, random = (study.records(proposer, 1) for proposer in ("bayesian", "random"))
    assert len(bayesian) == 3 * 2
    assert len(random) == 2 * 3 * 2
    assert bayesian[:4] == random[:4] == study.records("grid", 1, 2)
    assert bayesian[3] == "<results>/search/tiny/initial/seed-1/round-2/trial-2.json"
    assert bayesian[4] == "<results>/search/tiny/bayesian/seed-1/round-3/trial-1.json"
    assert study.records_before("bayesian", 1, 3) == bayesian[:4]
    assert study.records_before("evolutionary", 1, 3) == bayesian[:4]
    assert study.records_before("random", 1, 3) == study.records_before("initial", 1, 2) == []


def test_the_number_of_rounds_is_in_no_job_but_best(config):
    section = {**STUDY, "rounds": 9}
    few = studies.load(config)["tiny"]
    many = studies.load(config | {"search": {"tiny": section}})["tiny"]
    assert few.proposal_settings() == many.proposal_settings()
    assert few.trial_settings() == many.trial_settings()
    assert many.records("bayesian", 1)[:6] == few.records("bayesian", 1)


def test_a_study_that_is_null_is_left_out(config):
    assert studies.load(config | {"search": {"tiny": None}}) == {}


TAU = {"type": "real", "low": 5.0, "high": 20.0}
MANY = {
    f"augmentation.{key}": {"type": "real", "low": 0.0, "high": 0.5}
    for key in ("warp", "stretch", "drop", "jitter", "noise")
} | {
    f"augmentation.{key}": {"type": "integer", "low": 0, "high": 50}
    for key in ("shift", "band", "mask")
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "digit"}, "search.tiny.dataset: 'digit' is not defined"),
        ({"loss": "gausian"}, "search.tiny.loss: 'gausian' is not defined"),
        ({"rounds": 1}, "search.tiny.rounds: 1 rounds of 2 are fewer trials than the initial"),
        ({"trials": 3}, "search.tiny.initial.trials: 4 is no multiple of the 3"),
        (
            {"trials": 1, "rounds": 6, "proposers": ["evolutionary"]},
            "search.tiny.trials: a generation of evolutionary search is a round, and needs at",
        ),
        ({"confirm": [2]}, "search.tiny.confirm: repeats a seed of search.tiny.objective.seeds"),
        ({"space": {}}, "search.tiny.space: has no setting to search"),
        (
            {"space": {"augmentation.blend": SPACE["augmentation.blend"]}, "proposers": ["grid"]}
            | {"rounds": 5},
            "search.tiny.proposers: the grid has 2 points, fewer than its 6 trials",
        ),
        (
            {"space": {f"neuron.{k}": TAU for k in ("tau_mem", "tau_syn")} | MANY}
            | {"proposers": ["grid"]},
            "search.tiny.proposers: the grid has 1,048,576 points, more than 1,000,000",
        ),
        (
            {"space": {"neuron.tau_men": SPACE["learning_rate"]}},
            "search.tiny.space.neuron.tau_men: no setting 'tau_men' in neuron; known: model,",
        ),
        (
            {"space": {"hidden": {"type": "real", "low": 16, "high": 64}}},
            "search.tiny.space.hidden: settings.hidden: 16.0 is no size of a hidden layer",
        ),
        (
            {"space": {"neuron.tau_mem": {"type": "real", "low": 0, "high": 64}}},
            "search.tiny.space.neuron.tau_mem: settings.neuron.tau_mem: 0 is not more than 0",
        ),
        (
            {"space": {"loss.sigma": {"type": "real", "low": -1, "high": 64}}},
            "search.tiny.space.loss.sigma: ",
        ),
    ],
)
def test_a_bad_study_is_refused_by_its_key(config, changes, words):
    with pytest.raises(InputError) as refused:
        studies.load(config | {"search": {"tiny": STUDY | changes}})
    assert words in str(refused.value)


def test_a_study_may_have_a_grid_of_its_own(config):
    time = {"dt_ms": 2.0, "steps": 500}
    study = studies.load(config | {"search": {"tiny": STUDY | {"time": time}}})["tiny"]
    assert study.spikes(["test"]) == ["<results>/data/digits/binned-500x2.0ms/test.h5"]


ALONE = STUDY | {"proposers": ["random"]}


def test_compared_studies_are_the_reference_and_the_others(config):
    searches = {
        "a": ALONE | {"loss": "sum_exp"},
        "b": ALONE,
        "c": ALONE | {"topology": "recurrent"},
    }
    searches["a"] = searches["a"] | {"space": {"learning_rate": SPACE["learning_rate"]}}
    found = studies.load(config | {"search": searches})
    compared = studies.compared({"x": {"reference": "b", "searches": ["c", "a"]}}, found)
    assert [study.name for study in compared["x"]] == ["b", "c", "a"]
    assert found["a"].found() == ["<results>/search/a/confirm/random/seed-11.json"]


@pytest.mark.parametrize(
    ("first", "other", "section", "words"),
    [
        (ALONE, ALONE, {"reference": "aa"}, "x.reference: 'aa' is not defined"),
        (ALONE, ALONE, {"searches": ["c"]}, "x.searches: 'c' is not defined"),
        (ALONE, ALONE, {"searches": ["b", "a"]}, "x.searches: 'a' is the reference"),
        (ALONE, ALONE | {"rounds": 4}, {}, "x.searches: 'b' has another rounds than 'a'"),
        (ALONE, ALONE | {"confirm": [12]}, {}, "x.searches: 'b' has another confirm than 'a'"),
        (STUDY, STUDY, {}, "x.reference: 'a' has 2 proposers"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_its_key(config, first, other, section, words):
    found = studies.load(config | {"search": {"a": first, "b": other}})
    with pytest.raises(InputError) as refused:
        studies.compared({"x": {"reference": "a", "searches": ["b"]} | section}, found)
    assert f"comparisons.{words}" in str(refused.value)


# --- what a trial is worth


def run(accuracy, spikes=50.0):
    return {"accuracy": accuracy, "spikes": spikes, "parameters": 1000}


def test_the_objective_is_the_mean_accuracy_less_what_the_network_costs():
    accuracies = {("main", 1): run(0.5), ("main", 2): run(0.7, spikes=150.0)}
    attempt = partial(trials.attempt, lambda *place: accuracies[place], list(accuracies))
    free = attempt({})
    assert (free["status"], free["objective"]) == ("ok", pytest.approx(0.6))
    half = attempt({"spikes": {"limit": 200, "weight": 0.1}})
    assert half["objective"] == pytest.approx(0.6 - 0.1 * 100 / 200)
    both = {"spikes": {"limit": 10, "weight": 0.1}, "parameters": {"limit": 500, "weight": 0.2}}
    assert attempt(both)["objective"] == pytest.approx(0.6 - 0.1 - 0.2)


@pytest.mark.parametrize("error", [TrainingFailed("the loss is not finite"), MemoryError()])
def test_a_failed_training_is_a_recorded_bad_trial(error):
    def train(fold, seed):
        if seed == 2:
            raise error
        return run(0.5)

    cost = {"spikes": {"limit": 10, "weight": 0.1}}
    outcome = trials.attempt(train, [("main", 1), ("main", 2), ("main", 3)], cost)
    assert (outcome["status"], outcome["objective"]) == ("failed", -0.1)
    assert "fold main, seed 2" in outcome["reason"]
    assert [r["seed"] for r in outcome["runs"]] == [1]


def test_a_silent_network_is_a_recorded_bad_trial():
    outcome = trials.attempt(lambda *_: run(0.05, spikes=0.0), [("main", 1)], {})
    assert (outcome["status"], outcome["objective"], outcome["accuracy"]) == ("silent", 0.0, 0.05)


def test_a_users_mistake_is_no_bad_trial():
    def train(fold, seed):
        raise InputError("no file")

    with pytest.raises(InputError):
        trials.attempt(train, [("main", 1)], {})


def test_the_meter_remembers_what_was_spent_before_an_interruption(tmp_path):
    path = tmp_path / "trial.spent"
    path.write_text("100.0")
    spent = trials.CpuClock(path).note()
    assert spent > 100
    assert trials.CpuClock(path).close() >= round(spent, 3)
    assert not path.exists()


# --- what the trials of a search say


def table(objectives, search="s"):
    """Return trials of {(proposer, seed): objectives}, one CPU second each."""
    return pd.DataFrame(
        [
            {
                "search": search,
                "proposer": proposer,
                "seed": seed,
                "order": order,
                "objective": objective,
                "accuracy": objective,
                "cpu_seconds": 1.0,
            }
            for (proposer, seed), own in objectives.items()
            for order, objective in enumerate(own, start=1)
        ]
    )


TOY = table(
    {
        ("bayesian", 1): [0.2, 0.5, 0.4, 0.8],
        ("bayesian", 2): [0.1, 0.3, 0.7, 0.6],
        ("random", 1): [0.2, 0.1, 0.5, 0.3, 0.9],
        ("random", 2): [0.1, 0.2, 0.2, 0.3, 0.1],
    }
)


def test_incumbents_never_fall():
    chain = analysis.incumbents(TOY.sample(frac=1, random_state=1))
    own = chain[(chain["proposer"] == "bayesian") & (chain["seed"] == 2)]
    assert own["incumbent"].tolist() == [0.1, 0.3, 0.7, 0.7]
    assert own["cpu_total"].tolist() == [1, 2, 3, 4]


def test_a_comparison_counts_equal_trials_only():
    rows = analysis.compare(TOY).set_index(["proposer", "trials"])
    bayesian, random = rows.loc[("bayesian", 4)], rows.loc[("random", 4)]
    longer = rows.loc[("random", 5)]
    assert bayesian.incumbent == pytest.approx(0.75)
    assert random.incumbent == pytest.approx(0.4)
    assert longer.incumbent == pytest.approx(0.6)
    assert bayesian.difference == pytest.approx(0.35)
    assert bayesian.regret == pytest.approx(0.9 - 0.75)
    assert (bayesian.reached, bayesian.trials_to_reach) == (2, 2)
    assert random.trials_to_reach == 3.5
    assert bayesian.p_rank == bayesian.smallest_p == 0.5
    assert (bayesian.cpu_seconds, longer.cpu_seconds) == (4, 5)
    assert np.isnan(random.difference)


def test_a_control_that_is_never_reached_is_counted_so():
    rows = analysis.compare(table({("bayesian", 1): [0.1, 0.2], ("random", 1): [0.1, 0.3]}))
    row = rows.set_index("proposer").loc["bayesian"]
    assert (row.reached, row.difference) == (0, pytest.approx(-0.1))
    assert np.isnan(row.trials_to_reach)


def test_without_a_control_nothing_is_compared():
    rows = analysis.compare(table({("bayesian", 1): [0.1, 0.2], ("bayesian", 2): [0.3, 0.4]}))
    assert rows["difference"].isna().all()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=7))
def test_the_rank_test_is_exact(differences):
    """Against its definition: how many of all sign patterns are as extreme as the one seen."""
    signed = np.array(differences) / 10
    p = analysis.rank_test(signed)
    ranks = rankdata(np.abs(signed))
    seen = abs(np.sign(signed) @ ranks)
    patterns = np.array(list(itertools.product([-1, 1], repeat=len(signed))))
    sums = np.abs(patterns @ np.where(signed == 0, 0, ranks))
    expected = 1.0 if len(signed) == 1 else np.mean(sums >= seen - 1e-9)
    assert p == pytest.approx(expected)
