"""Predicted cost: sizes as planned, each training counted once, hours that add up."""

import math

import pytest
import yaml
from pipeline import ROOT

from spikespeech import configuration
from spikespeech.data import datasets
from spikespeech.search import studies
from spikespeech.training import forecast


def config(*names):
    read = {}
    for name in ("config", *names):
        text = (ROOT / f"config/{name}.yaml").read_text(encoding="utf-8")
        configuration.update(read, yaml.safe_load(text))
    return read


def predicted(study, cost=(2.0, 1.0, 300.0)):
    counted = forecast.trainings(study, studies.load(study))
    sizes = {(kind.hidden, kind.batch_size): cost for kind in counted}
    return forecast.predict(study, counted, sizes)


def test_sizes_are_those_of_the_data_sets():
    sections = config()["datasets"]
    assert sum(datasets.sizes("ssc", sections["ssc"]).values()) == 105_829
    # As the synthesis writes them: 4 of 24 speakers, and a twentieth of the others, are the test's.
    assert datasets.sizes("digits", sections["digits"]) == {"train": 760, "test": 200}
    assert datasets.sizes("fsdd", sections["fsdd"]) == {"train": 2500, "test": 500}
    assert datasets.sizes("mine", {"source": "audio_folder"}) == {}
    assert forecast.sides(config("paper"), "shd", "main") == (6525, 1631)
    assert forecast.sides(config("paper"), "ssc", "main") == (75_466, 9_981)


def test_the_papers_study():
    table = predicted(config("paper"))
    networks = table[table.work == "networks"].set_index(["dataset", "hidden"])
    assert networks.trainings.tolist() == [5] * 6
    # 50 epochs of 6,525 examples and as many blends; 100 epochs of SSC.
    hours = {"shd": 50 * (2 * 6525 * 2 + 1631), "ssc": 100 * (75_466 * 2 + 9_981)}
    for (dataset, _), row in networks.iterrows():
        assert row.cpu_hours_each == pytest.approx(hours[dataset] / 3.6e6)
        assert row.cpu_hours == pytest.approx(5 * row.cpu_hours_each)
        assert row.wall_hours_2_cores == pytest.approx(3 * row.cpu_hours_each)
    [disk] = table[(table.work == "data") & (table.dataset == "ssc")].disk_gb
    assert 6 < disk < 10


def test_the_search_beside_the_papers_study():
    apart = predicted(config("paper"))
    assert not apart.work.str.startswith("search").any()
    table = predicted(config("paper", "paper_search"))
    # Of each seed 12 initial trials, shared, 36 more of each proposer, random search 84; on three
    # folds.
    [search] = table[table.work == "search shd"].trainings
    assert search == 6 * (12 + 36 + 36 + 36 + 84) * 3


def test_fine_tuning_is_on_both_sides_for_a_quarter_of_the_epochs():
    study = config("paper")
    study["training"]["finetune"] = 0.25
    table = predicted(study)
    again = table[table.work == "fine-tuning of networks"].set_index(["dataset", "hidden"])
    assert again.trainings.tolist() == [5] * 6
    hours = {"shd": 12 * 2 * 8156 * 2, "ssc": 25 * (75_466 + 9_981) * 2}
    for (dataset, _), row in again.iterrows():
        assert row.cpu_hours_each == pytest.approx(hours[dataset] / 3.6e6)
    few = table[table.work == "networks of few bits"]
    assert set(few.presentations) == {2 * 8156, 75_466 + 9_981}
    assert table.trainings.sum() == predicted(config("paper")).trainings.sum() + 15  # SSC's


def test_a_users_own_data_have_no_prediction():
    own = config() | {"search": {}}
    own["datasets"]["mine"] = {"source": "audio_folder", "folder": "mine"}
    own["networks"]["dataset"] = ["mine"]
    table = predicted(own)
    assert table.cpu_hours.isna().all() and math.isnan(table.disk_gb[0])


def test_several_hidden_layers_are_counted_each():
    study = config()
    study["networks"]["hidden"] = [128, [256, 64]]
    table = predicted(study)
    networks = table[table.work == "networks"].set_index("hidden")
    assert set(networks.index) == {128, "256x64"}
    weights = {
        128: 128 * (700 + 128 + 35),
        "256x64": 700 * 256 + 256**2 + 256 * 64 + 64**2 + 64 * 35,
    }
    for hidden, row in networks.groupby(level=0).first().iterrows():
        disk = forecast.WEIGHT_BYTES * weights[hidden] * row.trainings / 1e9
        assert row.disk_gb == pytest.approx(disk)
