"""The scripts of a search: a trial that is interrupted, the tables, and what they conclude."""

import argparse
import json
from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
import yaml
from scripts.exhibits.search import (
    plot_comparisons,
    plot_search_confirmation,
    plot_search_convergence,
    plot_search_dependence,
    plot_search_pairwise,
    plot_search_trials,
    tabulate_search_best,
    tabulate_search_comparison,
)
from scripts.search import best, confirm, trial
from scripts.search import propose as propose_script

from spikespeech import configuration, files, lists, schema, statistics
from spikespeech.errors import InputError
from spikespeech.report import prose
from spikespeech.search import analysis, propose, space, trials
from spikespeech.spikes import splits

SPACE = {
    "learning_rate": {"type": "real", "low": 1e-4, "high": 1e-1, "scale": "log"},
    "hidden": {"type": "integer", "low": 4, "high": 64, "scale": "log"},
    "augmentation.blend": {"type": "categorical", "values": [False, True]},
}
DIMENSIONS = space.parse(SPACE)
LABEL = "noise (synthetic)"


# --- a trial


@pytest.fixture
def data(tmp_path):
    """Random spike trains of five speakers, binned, and two folds of them."""
    spikes = made_up.spikes(np.random.default_rng(1))
    for part in ("train", "test"):
        spikes.save(tmp_path / f"{part}.h5")
    rows = pd.concat(
        splits.examples(part, spikes.labels, spikes.speakers, spikes.classes)
        for part in ("train", "test")
    )
    rows = rows.reset_index(drop=True)
    for fold in ("main", "speaker-2"):
        split = splits.split(rows, fold, validation_speakers=[0], seed=1)
        files.write_csv(tmp_path / f"{fold}.csv", split)
    return tmp_path


def base():
    """Return the default study's settings for a tiny network on few channels and steps."""
    config = yaml.safe_load((made_up.ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    network = {"dataset": "digits", "loss": "sum_exp", "hidden": 6, "topology": "recurrent"}
    settings = configuration.settings(config, **network, seed=0)
    initial = {**settings["initial_weights"], "input_hidden": [0.3, 0.1]}
    return settings | {
        "epochs": 3,
        "average": 2,
        "schedule": {"kind": "cosine", "warm_up": 2},
        "augmentation": {**settings["augmentation"], "shift": 2},
        "delays": {"input": {"kind": "random", "high": 5}},
        "initial_weights": initial,
    }


def arguments(data, name, point):
    """Return the arguments of one trial, recorded under a name of its own."""
    proposal = data / f"{name}.proposal.json"
    place = {"proposer": "random", "seed": 1, "round": 2}
    files.write_json(proposal, {**place, "points": [{}, point]})
    return argparse.Namespace(
        proposal=proposal,
        trial=2,
        spikes=[data / "train.h5"],
        splits=[data / "main.csv", data / "speaker-2.csv"],
        settings={"base": base(), "seeds": [1, 2], "cost": {}},
        stamp="code",
        device="cpu",
        record=data / f"{name}.json",
        time=data / f"{name}.time.json",
    )


def test_a_trial_is_the_mean_over_folds_and_seeds_on_validation_speakers(data):
    trial.main(arguments(data, "whole", {"learning_rate": 0.01, "hidden": 5}))
    record = json.loads((data / "whole.json").read_text())
    assert [(r["fold"], r["seed"]) for r in record["runs"]] == [
        ("main", 1),
        ("main", 2),
        ("speaker-2", 1),
        ("speaker-2", 2),
    ]
    assert record["objective"] == pytest.approx(np.mean([r["accuracy"] for r in record["runs"]]))
    heard = {s["speaker"] for r in record["runs"] for s in r["speakers"]}
    assert heard == {0, 2}
    assert (record["settings"]["hidden"], record["settings"]["learning_rate"]) == (5, 0.01)
    assert record["parameters"] == 30 * 5 + 5 * 5 + 5 * 4
    assert json.loads((data / "whole.time.json").read_text())["cpu_seconds"] > 0


def test_an_interrupted_trial_resumes_to_the_same_bytes(data, monkeypatch):
    point = {"learning_rate": 0.01, "augmentation.shift": 1}
    trial.main(arguments(data, "whole", point))
    note, epochs = trials.CpuClock.note, []

    def interrupted(meter):
        epochs.append(note(meter))
        if len(epochs) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(trials.CpuClock, "note", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trial.main(arguments(data, "cut", point))
    assert not (data / "cut.json").exists()
    epochs.clear()
    monkeypatch.setattr(trials.CpuClock, "note", lambda meter: epochs.append(note(meter)))
    trial.main(arguments(data, "cut", point))
    # Four trainings of three epochs, of which five epochs were done before.
    assert len(epochs) == 4 * 3 - 5
    assert (data / "cut.json").read_bytes() == (data / "whole.json").read_bytes()
    assert not list(data.glob("*.npz")) and not list(data.glob("*.spent"))


def test_a_trial_whose_network_runs_away_is_recorded_as_failed(data):
    point = {"initial_weights.input_hidden": [50.0, 1.0], "initial_weights.hidden_hidden": [9, 1]}
    trial.main(arguments(data, "wild", point))
    record = json.loads((data / "wild.json").read_text())
    assert (record["status"], record["objective"], record["accuracy"]) == ("failed", 0.0, None)
    assert "run away" in record["reason"] or "not finite" in record["reason"]


def test_confirmation_trains_on_every_training_speaker_and_tests_once(data, monkeypatch):
    seen = []
    train = confirm.loop.train

    def spy(spikes_train, spikes_validation, settings, **options):
        seen.append((len(spikes_train), len(spikes_validation), settings))
        return train(spikes_train, spikes_validation, settings, **options)

    monkeypatch.setattr(confirm.loop, "train", spy)
    for name, objective, hidden in (("low", 0.2, 3), ("high", 0.4, 5)):
        settings = base() | {"hidden": hidden}
        files.write_json(data / f"{name}.json", {"objective": objective, "settings": settings})
    given = argparse.Namespace(
        spikes=[data / "train.h5", data / "test.h5"],
        split=data / "main.csv",
        best=[data / "low.json", data / "high.json"],
        settings=base() | {"selection": "validation"},
        search="s",
        candidate="bayesian",
        seed=11,
        stamp="",
        device="cpu",
        out=data / "out.json",
        time=data / "out.time.json",
    )
    confirm.main(given)
    n_train, n_validation, settings = seen[0]
    assert (n_train, n_validation) == (40, 0)
    assert (settings.hidden, settings.seed, settings.selection) == (5, 11, "last")
    assert settings.finetune == 0
    record = json.loads((data / "out.json").read_text())
    assert (record["search"], record["candidate"], record["seed"]) == ("s", "bayesian", 11)
    assert record["examples"] == 40
    assert record["unseen"] == {"correct": 0, "examples": 0, "right": []}
    assert record["weights"] == record["parameters"] == 30 * 5 + 5 * 5 + 5 * 4
    assert json.loads((data / "out.time.json").read_text())["cpu_seconds"] > 0
    assert not list(data.glob("*.npz")) and not list(data.glob("*.spent"))
    given.best = []
    confirm.main(given)
    # Nobody is left to validate: the best epoch is that of training accuracy.
    assert (seen[1][2].hidden, seen[1][2].selection) == (6, "training")


def test_words_of_speakers_who_never_trained_are_kept_one_by_one():
    right = np.array([True, False, True, True])
    speakers = np.array([3, 1, 2, 3])
    kept = {"correct": 2, "examples": 2, "right": [1, 1]}
    assert confirm.unseen(right, speakers, {1, 2}) == kept


# --- files that others may have damaged


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"points": [{}]}, "has no point of trial 2"),
        ({"points": {}}, r"points is \{\} instead of a list"),
        ({"points": [{}, "a"]}, "points.1 is 'a' instead of a group"),
        ({"points": [{}, {"learning_rte": 1}]}, "learning_rte"),
        ({"points": [{}, {"learning_rate": "fast"}]}, "learning_rate: 'fast' is not a number"),
        ({"points": [{}, {"learning_rate": None}]}, "learning_rate: None is not a number"),
        ({"points": [{}, {"hidden": -4}]}, "hidden: -4 is no size"),
        ({"seed": "one"}, "seed is 'one' instead of a whole number from 0 on"),
        ({"round": 1.5}, "round is 1.5 instead of a whole number"),
    ],
)
def test_a_proposal_that_cannot_be_tried_is_named(data, change, said):
    given = arguments(data, "bad", {"learning_rate": 0.01})
    files.write_json(given.proposal, json.loads(given.proposal.read_text()) | change)
    with pytest.raises(InputError, match=rf"bad\.proposal\.json: .*{said}.* \(.*\)"):
        trial.main(given)
    assert not list(data.glob("bad.json*")) and not list(data.glob("bad.time*"))


BEST = argparse.Namespace(
    settings={"search": "s", "proposer": "random", "seed": 1}, table="out.csv", best="out.json"
)
AGAIN = argparse.Namespace(
    proposer="bayesian",
    seed=1,
    round=2,
    settings={
        "space": SPACE,
        "trials": 1,
        "initial": {"trials": 1, "design": "random"},
        "surrogate": "GP",
        "acquisition": "EI",
    },
    proposal="out.json",
    time="out.time.json",
)


def written(folder, old, new):
    """Write the record of a trial, changed, and the times beside it."""
    text = json.dumps(record("initial", 1, 1, 0.5))
    assert old in text
    path = folder / "trial-1.json"
    path.write_text(text.replace(old, new))
    for name in ("trial-1.time.json", "proposal.time.json"):
        files.write_json(folder / name, {"cpu_seconds": 1.0})
    return [str(path)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"objective": 0.5', '"objective": NaN', "holds NaN, which is no JSON"),
        ('"objective": 0.5', '"objective": 1e999', "objective is inf instead of a number"),
        ('"objective": 0.5', '"objective": null', "objective is None instead of a number"),
        ('"objective": 0.5', '"objective": "0.5"', "objective is '0.5' instead of a number"),
        ('"accuracy": 0.5', '"accuracy": []', r"accuracy is \[\] instead of a number"),
        ('"trial": 1', '"trial": -1', "trial is -1 instead of a whole number from 0 on"),
        ('"point": {', '"point": 3, "more": {', "point is 3 instead of a group"),
    ],
)
def test_a_record_that_is_none_is_named(tmp_path, monkeypatch, old, new, said):
    monkeypatch.chdir(tmp_path)
    trials = written(tmp_path, old, new)
    for main, given in ((best.main, BEST), (propose_script.main, AGAIN)):
        with pytest.raises(InputError, match=rf"trial-1\.json: {said}.* \(delete it"):
            main(argparse.Namespace(**vars(given), trials=trials))
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.001", "1.0", "learning_rate is 1.0, which the search does not try"),
        ("0.001", "true", "learning_rate is true, which"),
        ('"hidden": 8', '"hidden": 8.5', "hidden is 8.5, which"),
        ('"hidden": 8', '"hidde": 8', "its point has no hidden"),
        ('"hidden": 8', '"hidden": 8, "epochs": 3', "its point has epochs, which"),
        ("false", '"maybe"', "augmentation.blend is maybe, which"),
    ],
)
def test_a_point_outside_of_the_space_is_named(tmp_path, monkeypatch, old, new, said):
    monkeypatch.chdir(tmp_path)
    trials = written(tmp_path, old, new)
    with pytest.raises(InputError, match=rf"trial-1\.json: {said}.* \(delete it"):
        propose_script.main(argparse.Namespace(**vars(AGAIN), trials=trials))
    assert not list(tmp_path.glob("out.*"))


# --- tables and conclusions


def record(proposer, round, number, objective, status="ok", **point):
    point = {"learning_rate": 0.001, "hidden": 8, "augmentation.blend": False} | point
    return {
        "proposer": proposer,
        "seed": 1,
        "round": round,
        "trial": number,
        "point": point,
        "settings": {"of": point},
        "status": status,
        "reason": "diverged" if status == "failed" else "",
        "objective": objective,
        "accuracy": None if status == "failed" else objective,
        "spikes": None if status == "failed" else 10.0,
        "parameters": None if status == "failed" else 99,
    }


def test_a_chains_table_counts_each_proposal_once_and_keeps_failures(tmp_path):
    records = [
        record("initial", 1, 1, 0.3),
        record("initial", 1, 2, 0.0, "failed"),
        record("bayesian", 2, 1, 0.5, hidden=16),
        record("bayesian", 2, 2, 0.5, hidden=32),
    ]
    place = {"search": "s", "proposer": "bayesian", "seed": 1}
    table = best.tabulate(records, [10, 1, 20, 20], {1: 0.5, 2: 2.0}, place)
    assert table["cpu_seconds"].tolist() == [10.5, 1, 22, 20]
    assert table["order"].tolist() == [1, 2, 3, 4]
    assert best.incumbent(records)["point"]["hidden"] == 16
    files.write_csv(tmp_path / "trials.csv", table)
    read = analysis.read([tmp_path / "trials.csv"])
    assert analysis.records(read, DIMENSIONS) == [
        {"point": r["point"], "objective": r["objective"]} for r in records
    ]
    with pytest.raises(InputError, match="all 1 trials failed, the first because: diverged"):
        best.incumbent(records[1:2])


@pytest.fixture
def chains(tmp_path):
    """Tables of five pairs of chains; "bayesian" is better by `advantage` after the first four."""

    def write(advantage):
        paths = []
        rng = np.random.default_rng(0)
        for seed in range(1, 6):
            shared = [
                record("initial", 1, t, float(o), learning_rate=float(rate))
                for t, o, rate in zip(
                    range(1, 5), rng.uniform(0.1, 0.3, 4), rng.uniform(1e-4, 0.1, 4), strict=True
                )
            ]
            for proposer, more in (("bayesian", advantage), ("random", 0.0)):
                own = [
                    record(proposer, 2, t, float(o) + more, hidden=4 * t)
                    for t, o in zip(range(1, 5), rng.uniform(0.4, 0.5, 4), strict=True)
                ]
                place = {"search": "s", "proposer": proposer, "seed": seed}
                table = best.tabulate([*shared, *own], [1.0] * 8, {1: 0, 2: 0}, place)
                paths.append(tmp_path / f"{proposer}-{seed}.csv")
                files.write_csv(paths[-1], table)
        return analysis.read(paths)

    return write


def test_five_seeds_cannot_be_significant_by_ranks_and_the_verdict_says_so(chains):
    """Five pairs give no p-value below 1/16: a difference alone does not make a win."""
    verdict, speed, *_ = tabulate_search_comparison.findings(analysis.compare(chains(0.3)))
    assert "is not shown to beat random search after 8 trials" in verdict
    assert "5 pairs cannot give less than 0.062" in verdict
    assert "in 5 of 5 chains" in speed


@pytest.mark.parametrize(
    ("low", "high", "p", "word"),
    [
        (0.01, 0.03, 0.03, "beats"),
        (0.01, 0.03, 0.06, "is not shown to beat"),
        (-0.01, 0.03, 0.03, "is not shown to beat"),
        (-0.03, -0.01, 0.03, "loses to"),
    ],
)
def test_a_verdict_needs_the_interval_and_the_ranks(low, high, p, word):
    row = argparse.Namespace(
        difference=(low + high) / 2,
        difference_low=low,
        difference_high=high,
        p_rank=p,
        smallest_p=0.01,
        proposer="bayesian",
        trials=9,
        seeds=8,
    )
    assert f"bayesian search {word} random" in tabulate_search_comparison.verdict("s", row)


def test_without_a_control_the_comparison_says_so(chains):
    trials = chains(0.1)
    said = tabulate_search_comparison.findings(
        analysis.compare(trials[trials["proposer"] == "bayesian"])
    )
    assert said == ["s: no random search ran, so nothing says what it gained."]


def test_the_ten_best_count_shared_trials_once(chains):
    table = tabulate_search_best.best(analysis.distinct(chains(0.1)))
    assert len(table) == 10
    assert table["objective"].is_monotonic_decreasing
    assert not table.duplicated(["proposer", "seed", "order"]).any()
    whole = analysis.distinct(chains(0.1))
    assert len(whole) == 5 * 4 + 2 * 5 * 4
    assert set(whole["proposer"]) == {"initial", "bayesian", "random"}


def test_every_exhibit_is_drawn_from_its_table(chains, tmp_path):
    trials = chains(0.1)
    paths = sorted(tmp_path.glob("*.csv"))
    settings = {"s": {"label": LABEL, "space": SPACE, "initial": 4}}
    scripts = (
        plot_search_convergence,
        plot_search_dependence,
        plot_search_pairwise,
        plot_search_trials,
    )
    for script in scripts:
        out = tmp_path / script.__name__
        script.main(
            argparse.Namespace(
                trials=paths,
                settings=settings,
                table=out / "table.csv",
                figure=out / "figure.svg",
                finding=out / "finding.txt",
            )
        )
        assert len(pd.read_csv(out / "table.csv"))
        assert (out / "figure.png").stat().st_size > 5000
        assert Path(out / "finding.txt").read_text().startswith("s: ")
    curves = analysis.curves(trials)
    last = curves[(curves["proposer"] == "bayesian") & (curves["order"] == 8)].iloc[0]
    own = trials[trials["proposer"] == "bayesian"].groupby("seed")["objective"].max()
    assert last.incumbent == pytest.approx(own.mean())


def test_intervals_of_accuracies_stay_within_what_an_accuracy_can_be(chains):
    """Three seeds at 5, 5 and 95 %: Student's t reaches from −94 to 164 %."""
    trials = chains(0.1)
    trials = trials[(trials["seed"] < 4) & (trials["order"] == 1)]
    trials["objective"] = trials["accuracy"] = trials["seed"].map({1: 0.05, 2: 0.05, 3: 0.95})
    for table in (analysis.curves(trials), analysis.compare(trials)):
        assert table["low"].tolist() == [0, 0] and table["high"].tolist() == [1, 1]
    trials["objective"] -= 0.2  # a cost
    assert (analysis.curves(trials)["low"] < 0).all()


def test_settings_that_are_best_at_an_edge_are_named(chains):
    rows = pd.DataFrame(
        [
            ("s", d.key, str(v), d.position(v), 0.1 * i, 0.01)
            for d in DIMENSIONS
            for i, v in enumerate(d.levels(5))
        ],
        columns=["search", "setting", "value", "position", "objective", "error"],
    )
    inside = rows["setting"] == DIMENSIONS[0].key
    rows.loc[inside, "objective"] = [0.1, 0.2, 0.3, 0.2, 0.1][: inside.sum()]
    settings = {"s": {"label": LABEL, "space": SPACE}}
    ordered = [d.key for d in DIMENSIONS[1:] if not isinstance(d, space.Categorical)]
    said = plot_search_dependence.findings(rows, settings)
    assert said[1] == f"Best at an edge of what was searched: {prose.listed(ordered)}."


def test_every_proposer_can_be_asked_for_and_has_a_line_of_its_own():
    study = schema.schemas()["search.schema.yaml"]["$defs"]["study"]["properties"]
    assert study["proposers"]["items"] == {"$ref": "library#/$defs/proposer"}
    assert lists.schema()["$defs"]["proposer"]["enum"] == list(propose.PROPOSERS)
    looks = plot_search_convergence.LOOKS
    assert list(looks) == list(propose.PROPOSERS)
    assert len({tuple(look.values()) for look in looks.values()}) == len(looks)


def confirmed(candidate, accuracies):
    return [
        {
            "search": "s",
            "candidate": candidate,
            "seed": seed,
            "accuracy": accuracy,
            "correct": int(1000 * accuracy),
            "examples": 1000,
            "best_epoch": 3,
            "spikes": 10.0,
            "parameters": 99,
            "unseen": {"correct": int(500 * accuracy), "examples": 500},
        }
        for seed, accuracy in enumerate(accuracies)
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([0.80, 0.81, 0.79], "to the defaults, a gain; the standard deviation"),
        ([0.60, 0.63, 0.61], "undecided) to the defaults; the standard deviation"),
        ([0.30, 0.31, 0.29], "to the defaults, a loss; the standard deviation"),
    ],
)
def test_a_gain_is_one_whose_interval_leaves_out_zero(found, words):
    records = confirmed("defaults", [0.60, 0.55, 0.65]) + confirmed("bayesian", found)
    table = plot_search_confirmation.tabulate(records, {"s": LABEL})
    assert set(table["label"]) == {LABEL}
    said = plot_search_confirmation.findings(table)
    assert "the defaults reach 60.0 %" in said[0]
    assert words in said[1]
    assert f"bayesian {100 * np.mean(found):.1f} %" in said[-1]


# --- searches compared


def records(rights, **more):
    """Return records of final trainings, one a list of which words are right."""
    return [
        {
            "settings": {"hidden": 8, "recurrent": True},
            "spikes": 10.0,
            "train_accuracy": 0.9,
            "weights": 90,
            "parameters": 99,
            "cpu_seconds": float(k),
            "unseen": {"right": right},
        }
        | more
        for k, right in enumerate(rights)
    ]


WORDS = [1, 0] * 50
COMPARED = {"delays": {"label": LABEL, "searches": ["fixed", "none", "same", "best", "noisy"]}}
FOUND = {
    "fixed": records([WORDS, WORDS]),
    "none": records([[0] * 100] * 2, weights=80, train_accuracy=0.2),
    "same": records([WORDS, WORDS]),
    "best": records([[1] * 100] * 2, settings={"hidden": [4, 2], "recurrent": False}),
    "noisy": records([WORDS[::-1], WORDS]),
}


def test_searches_are_compared_word_by_word_with_the_reference():
    table = plot_comparisons.tabulate(FOUND, COMPARED).set_index("search")
    assert table["accuracy"].to_list() == [0.5, 0, 0.5, 1, 0.5]
    none = "did not train"
    assert table["finding"].to_list() == ["reference", none, "undecided", "better", "undecided"]
    assert table["difference"].to_list()[1:] == [-0.5, 0, 0.5, 0]
    assert table.loc["best", ["hidden", "topology"]].to_list() == ["4x2", "feedforward"]
    assert table.loc["none", "weights"] == 80 and (table["cpu_seconds"] == 0.5).all()
    # Each of four differences has an interval at 98.75 %: together 95 %.
    wide = statistics.crossed(1 - np.array([WORDS, WORDS]), 1 - 0.05 / 4, 10_000)
    bounds = table.loc["best", ["difference_low", "difference_high"]].to_list()
    assert bounds == pytest.approx(wide[1:])


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (0.01, 0.2, "better"),
        (-0.2, -0.01, "worse"),
        (-0.03, 0.03, "alike"),
        (-0.04, 0.01, "undecided"),
        (-0.01, 0.031, "undecided"),
        (np.nan, np.nan, "undecided"),
    ],
)
def test_a_difference_is_told_by_its_whole_interval(low, high, finding):
    assert plot_comparisons.verdict(statistics.Interval(0.0, low, high)) == finding


def test_the_finding_of_a_comparison_names_each_search():
    table = plot_comparisons.tabulate(FOUND, COMPARED)
    said = plot_comparisons.findings(table)
    assert said[0].startswith(f"delays, on {LABEL}: fixed gets 50.0 % (95 % interval ")
    assert "of 100 words of speakers who never trained right, over 2 networks; " in said[0]
    assert "better than it: best +50.0 points (" in said[0]
    assert "worse" not in said[0] and "; did not train: none; " in said[0]
    assert "not decided: same +0.0 points (every answer is the same) and noisy +0.0 po" in said[0]
    assert said[0].endswith("; training accuracy of it and of these: fixed 90 % and none 20 %.")
    assert "synthesiser" in said[1]
    assert len(plot_comparisons.draw(table).axes) == 2
    learnt = FOUND | {"none": records([[0] * 100] * 2, train_accuracy=0.45)}
    (said, _) = plot_comparisons.findings(plot_comparisons.tabulate(learnt, COMPARED))
    assert "; worse: none −50.0 points (" in said and "not train" not in said


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ([[1, 0], [1]], "of other words than the others"),
        ([[]], "no example of a speaker who never trained"),
    ],
)
def test_records_that_cannot_be_compared_are_named(tmp_path, rights, words):
    paths = []
    for seed, right in enumerate(rights):
        (record,) = confirmed("random", [0.5])
        record |= {"seed": seed, "settings": {}, "train_accuracy": 0.5, "weights": 9}
        record["unseen"] = {"correct": 0, "examples": len(right), "right": right}
        paths.append(tmp_path / f"seed-{seed}.json")
        files.write_json(paths[-1], record)
        files.write_json(paths[-1].with_suffix(".time.json"), {"cpu_seconds": 1.5})
    with pytest.raises(InputError, match=rf"seed-{len(rights) - 1}\.json: .*{words}"):
        plot_comparisons.read(paths)
