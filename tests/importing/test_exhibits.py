"""The figure and the table of networks that others trained."""

import json

import numpy as np
import pandas as pd
import pytest
from scripts.exhibits.results import plot_imported, tabulate_imported_networks

from spikespeech import network
from spikespeech.network import Network, Parameters, axes

LABELS = {"noise": "noise (synthetic)"}
GAPS = {"float": 0.0, "fixed point": -0.05, "input: graded": -0.2, "clipping": -0.3}


@pytest.fixture
def networks(tmp_path):
    """Files of two networks, one less accurate in integers and one not."""
    found = {"weights": [], "evaluations": [], "ablations": [], "costs": []}
    for name, losing in (("theirs", 1.0), ("others", 0.0)):
        folder = tmp_path / name
        folder.mkdir()
        net = Network.layered(7, 5, 3)
        own = {
            **{"dataset": "noise", "fold": "main", "loss": "sum", "hidden": 5},
            **{"topology": "recurrent", "seed": name},
        }
        known = {"format": "nir", "path": f"some/{name}.nir", "digest": "0123456789abcdef"}
        about = {**own, "settings": {}, "imported": known}
        network.save(folder / "weights.h5", net, Parameters.zeros(net), about=about)
        counts = {"n": 40, "accuracy": 0.8, "low": 0.65, "high": 0.9}
        (folder / "evaluation.json").write_text(json.dumps(counts))
        rows = [
            {
                **{"variant": variant, **counts, "accuracy": 0.8 + losing * gap, "low": 0.45},
                **{"difference": losing * gap, "difference_low": losing * gap - 0.02},
                **{"difference_high": losing * gap + 0.02, "p_value": 0.2, "agreement": 0.9},
            }
            for variant, gap in GAPS.items()
        ]
        axes.mark(pd.DataFrame(rows), own).to_csv(folder / "ablation.csv", index=False)
        values = {"hidden_spikes": 3.0, "energy_low": 2.0, "energy_high": 4.5, "wall_ms": 9.0}
        costs = pd.DataFrame({"quantity": list(values), "value": list(values.values())})
        axes.mark(costs, own).to_csv(folder / "cost.csv", index=False)
        for kind, file in zip(
            found, ("weights.h5", "evaluation.json", "ablation.csv", "cost.csv"), strict=True
        ):
            found[kind].append(folder / file)
    return found


def test_each_network_is_shown_by_name_and_convention(networks):
    weights, evaluations, ablations, _ = networks.values()
    table = plot_imported.tabulate(weights, evaluations, ablations[::-1], LABELS)
    assert table["network"].tolist() == ["theirs"] * 3 + ["others"] * 3
    assert table["series"].tolist() == ["float", "fixed point", "input: graded"] * 2
    np.testing.assert_allclose(table["accuracy"], [0.8, 0.75, 0.6, 0.8, 0.8, 0.8])
    first, second, mean = plot_imported.findings(table)
    assert first.startswith("theirs, 5 recurrent hidden neurons from a NIR graph, on noise")
    assert "80.0 % (95 % interval 65.0 to 90.0) of 40 test examples" in first
    assert "least accurate is “integers, input: graded”, −20.0 points" in first
    assert "none of 2 ways to run it in integers is less accurate" in second
    assert "On noise (synthetic), means over 2 networks" in mean and "−10.0 points" in mean
    figure = plot_imported.draw(table)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["theirs\nnoise (synthetic)", "others\nnoise (synthetic)"]
    assert len(figure.legends[0].get_texts()) == 3


def test_networks_that_are_not_deployed_are_shown_in_floats(networks):
    table = plot_imported.tabulate(networks["weights"], networks["evaluations"], [], LABELS)
    assert table["series"].tolist() == ["float", "float"]
    assert len(plot_imported.findings(table)) == 2
    plot_imported.draw(table)
    listed = tabulate_imported_networks.tabulate(networks["weights"], [], LABELS)
    assert listed["energy_low_uj"].isna().all()
    assert len(tabulate_imported_networks.findings(listed)) == 1


def test_where_each_comes_from_and_what_it_costs(networks):
    table = tabulate_imported_networks.tabulate(
        networks["weights"], networks["costs"][::-1], LABELS
    )
    assert table["file"].tolist() == ["theirs.nir", "others.nir"]
    assert table["layers"].tolist() == ["7-5-3"] * 2 and table["weights"].tolist() == [75] * 2
    assert table["digest"].tolist() == ["0123456789ab"] * 2
    assert table["hidden_spikes"].tolist() == [3.0, 3.0]
    assert "2 to 4.5 µJ" in tabulate_imported_networks.findings(table)[1]
