"""Figures, tables and the report, on results that are made up (tests/made_up.py)."""

import html.parser
import json
import re
import shlex
import shutil
import subprocess
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import made_up
import markupsafe
import numpy as np
import pandas as pd
import pytest
from scripts import report as report_script
from scripts.exhibits.cost import tabulate_inference_cost
from scripts.exhibits.deployment import plot_deployment
from scripts.exhibits.published import tabulate_published_hardware, tabulate_verification
from scripts.exhibits.results import plot_accuracy, plot_groups
from scripts.exhibits.training import plot_learning_curves, tabulate_settings
from scripts.training import collect

from spikespeech.errors import InputError
from spikespeech.report import contents, fonts, pages, plots, prose, published, selection, svg
from spikespeech.training import schedule

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "workflow/report"
CONFIG = {"networks": {"dataset": ["noise"]}, "note": "</pre><script>alert(1)</script>"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Made-up results with every figure and table of `made_up.SECTIONS`."""
    folder = tmp_path_factory.mktemp("report") / "a study's results"
    folder.mkdir()
    made_up.write_networks(folder)
    made_up.draw_all(folder)
    return folder


@pytest.fixture(scope="module")
def report(results):
    """Paths of the page and the PDF made from them."""
    return made_up.write_report(results, CONFIG)


@pytest.fixture(scope="module")
def page(report):
    """The page's HTML."""
    return report[0].read_text(encoding="utf-8")


class Structure(html.parser.HTMLParser):
    """What a page is made of: elements with their attributes, and whether tags are balanced."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr", "wbr"})

    def __init__(self, page):
        super().__init__()
        self.elements, self.stack, self.stray = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.stray.append(tag)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def listed():
    sections = contents.load(REPORT / "contents.yaml", CONFIG)
    return [
        item for section in sections if section.title in made_up.SECTIONS for item in section.items
    ]


def test_page_is_well_formed_and_ids_are_unique(page):
    structure = Structure(page)
    assert not structure.stray and not structure.stack
    ids = [attributes["id"] for _, attributes in structure.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in structure.all("a") + structure.all("use")]
    targets += re.findall(r"url\(#(.+?)\)", page)
    assert targets and set(targets) <= set(ids)


def test_page_needs_nothing_from_outside(page):
    for tag, attributes in Structure(page).elements:
        for name in ("src", "href", "action", "poster", "srcset", "data", "xlink:href"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:")), (tag, name, value[:80])
    assert not re.search(r"@import|url\((?!#)", page)


def test_page_shows_every_item_with_its_finding_and_command(page, results):
    structure = Structure(page)
    articles = {attributes["id"] for attributes in structure.all("article")}
    items = listed()
    assert articles == {item.name for item in items}
    drawings = structure.all("svg") + structure.all("img")
    assert len(drawings) == sum(item.kind == "figure" for item in items)
    for item in items:
        files = item.files(str(results))
        finding = Path(files["finding"]).read_text(encoding="utf-8").strip()
        assert escaped(" ".join(prose.typeset(finding).splitlines())) in page
        target = shlex.quote(files.get("svg", files["numbers"]))
        command = f"snakemake --cores all --configfile 'my study.yaml' {target}"
        assert escaped(command) in page


def escaped(text):
    return str(markupsafe.escape(text))


def test_what_users_name_is_escaped(page):
    assert "<void>" not in page and "null &amp; &lt;void&gt;" in page
    assert "made-up <data>" not in page
    assert "<script>alert" not in page
    assert len(Structure(page).all("script")) == 1
    events = [name for _, held in Structure(page).elements for name in held if name[:2] == "on"]
    assert not events


def test_figures_are_sound_whatever_users_name(results):
    """Class names stand in SVG as paths and in its comments."""
    drawn = [path for path in results.rglob("*.svg") if "eins" in path.read_text(encoding="utf-8")]
    assert {path.stem for path in drawn} >= {"confusion", "rasters"}
    for path in drawn:
        elements = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert "path" in elements and "script" not in elements
        assert "$\\eins$" in path.read_text(encoding="utf-8")  # as it is, no formula


def test_embedding_a_figure_makes_no_markup_of_its_words(tmp_path):
    figure, axes = plots.subplots(height=1)
    hostile = "\"><script>alert(1)</script><img src=x onerror='alert(1)'>"
    axes.set_title(hostile, gid=hostile)
    plots.save(figure, tmp_path / "a.svg")
    structure = Structure(svg.embed(tmp_path / "a.svg", "a", hostile))
    assert not structure.all("script") and not structure.all("img")
    assert not [name for _, held in structure.elements for name in held if name[:2] == "on"]
    assert structure.all("svg")[0]["aria-label"] == hostile


def test_synthetic_speech_is_said_wherever_it_is(page):
    for name, article in articles(page).items():
        badge = 'class="badge">synthetic speech' in article
        assert badge == (
            "synthetic speech)" in re.sub(r"<svg.*?</svg>", "", article, flags=re.S)
        ), name


def articles(page):
    return {
        match[1]: match[0]
        for match in re.finditer(r'<article id="(.+?)">.*?</article>', page, flags=re.S)
    }


def test_published_claims_stand_beside_ours_with_their_flaws(page):
    accuracy = articles(page)["accuracy"]
    assert prose.typeset("84.65, 86.98 and 86.95 %") in accuracy
    assert escaped(published.flaws("no_validation")[0]) in accuracy


def test_a_claim_is_told_in_full_once_and_found_from_elsewhere(page):
    claims = {
        claim["claim"]: claim for item in listed() for claim in published.claims(item.published)
    }
    for claim in claims.values():
        assert page.count(escaped(prose.typeset(claim["protocol"]))) == 1, claim["claim"]
    later = articles(page)["published_accuracy"]
    assert 'Told under <a href="#accuracy">Accuracy by loss and size</a>' in later
    assert escaped(prose.typeset(claims["shd_accuracy"]["text"])) in later


def test_cards_say_what_the_table_says(results, page):
    table = pd.read_csv(results / "tables/accuracy.csv")
    validation = table[table["series"] == "validation"]
    best = validation.loc[validation["accuracy"].idxmax()]
    test = table[(table["series"] == "test") & (table["loss"] == best["loss"])]
    shown = test.loc[test["hidden"] == best["hidden"], "accuracy"].item()
    assert f'<span class="number">{100 * shown:.1f} %</span>' in page


def test_report_is_reproducible(results, report):
    before = [path.read_bytes() for path in report]
    made_up.write_report(results, CONFIG)
    assert [path.read_bytes() for path in report] == before


def test_pdf_has_its_pages(report):
    data = report[1].read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", report[1], "-"], capture_output=True, text=True, check=True
        ).stdout
        for item in listed():
            assert item.title in " ".join(text.split())
        assert "made-up <data> &" in text


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium on this machine")
@pytest.mark.parametrize("width", [390, 1280])
def test_page_in_a_browser(report, tmp_path, width):
    """No console error, no broken image, no horizontal scroll; sorting, zoom and theme work."""
    probe = """
    <script>
    window.addEventListener("load", async () => {
      const found = {};
      const root = document.documentElement;
      found.width = window.innerWidth;
      found.overflow = root.scrollWidth - root.clientWidth;
      found.broken = [...document.images].filter((i) => !i.complete || !i.naturalWidth).length;
      found.empty = [...document.querySelectorAll(".frame > svg")]
        .filter((s) => s.getBoundingClientRect().height < 50).length;
      const table = document.querySelector("#state_of_the_art table");
      const column = [...table.tHead.rows[0].cells].findIndex(
        (c) => c.textContent === "accuracy percent");
      const button = table.tHead.rows[0].cells[column].querySelector("button");
      button.click();
      const values = [...table.tBodies[0].rows].map((r) => Number(r.cells[column].dataset.key));
      found.sorted = values.every((v, i) => !i || values[i - 1] <= v);
      const frame = document.querySelector("#accuracy .frame");
      frame.click();
      found.zoomed = document.querySelector("dialog").open && !frame.firstElementChild;
      document.querySelector("dialog button").click();
      await new Promise((done) => setTimeout(done, 50));
      found.restored = Boolean(frame.firstElementChild);
      const before = getComputedStyle(document.body).backgroundColor;
      document.getElementById("theme").click();
      found.themed = before !== getComputedStyle(document.body).backgroundColor;
      found.rescroll = root.scrollWidth - root.clientWidth;
      parent.postMessage(JSON.stringify(found), "*");
    });
    </script></body>"""
    page = tmp_path / "report.html"
    page.write_text(report[0].read_text(encoding="utf-8").replace("</body>", probe))
    # Chromium's own windows are at least 500 px wide, a frame is as narrow as a phone.
    host = tmp_path / "host.html"
    host.write_text(
        f"""<!doctype html><output id=probe></output><script>
        addEventListener("message", (m) => document.getElementById("probe").textContent = m.data)
        </script><iframe src=report.html style="border: 0; width: {width}px; height: 900px">"""
    )
    run = subprocess.run(
        [
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1400,1000",
            "--virtual-time-budget=5000",
            "--dump-dom",
            host.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in run.stderr
    match = re.search(r'<output id="probe">(.*?)</output>', run.stdout)
    assert match, run.stdout[-2000:]
    found = json.loads(match[1].replace("&quot;", '"'))
    assert found == {
        "width": width,
        "overflow": 0,
        "broken": 0,
        "empty": 0,
        "sorted": True,
        "zoomed": True,
        "restored": True,
        "themed": True,
        "rescroll": 0,
    }


def test_figures_are_reproducible(results, tmp_path):
    drawn = {}
    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        made_up.run(
            "exhibits/results/plot_accuracy.py",
            *("--evaluations", results / "tables/evaluations.csv"),
            *("--linear", results / "tables/linear.csv"),
            *("--table", folder / "a.csv", "--finding", folder / "a.txt"),
            *("--figure", folder / "a.svg"),
        )
        drawn[attempt] = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert drawn["first"] == drawn["second"]
    assert set(drawn["first"]) == {"a.csv", "a.txt", "a.svg", "a.png"}
    assert b"<dc:date>" not in drawn["first"]["a.svg"]


def test_accuracy_states_the_mean_and_interval_of_its_networks(results):
    evaluations = pd.read_csv(results / "tables/evaluations.csv")
    own = evaluations[
        (evaluations["series"] == "test")
        & (evaluations["loss"] == "sum_exp")
        & (evaluations["hidden"] == 8)
    ]["accuracy"]
    low = own.mean() - 4.302653 * own.std(ddof=1) / np.sqrt(3)
    finding = (results / "figures/accuracy.txt").read_text()
    assert f"{100 * own.mean():.1f} % (95 % interval {100 * low:.1f} to" in finding


def test_published_accuracies_of_all_sizes_stand_beside_networks_of_the_same_data():
    row = {"dataset": "shd", "label": "SHD", "topology": "recurrent", "loss": "sum_exp"}
    row |= {"hidden": 64, "series": "test", "accuracy": 0.5, "classes": 20}
    table = pd.DataFrame([row, row | {"dataset": "digits", "label": "digits"}])
    rows = plot_accuracy.with_published(table).query("series == 'published'")
    assert rows["dataset"].tolist() == ["shd"] * 3 and rows["hidden"].tolist() == [256, 512, 1024]
    np.testing.assert_allclose(rows["accuracy"], [0.8465, 0.8698, 0.8695], atol=5e-5)
    assert rows["classes"].tolist() == [20] * 3 and rows["examples"].tolist() == [2264] * 3


def test_sizes_of_one_and_of_several_layers_stand_side_by_side(tmp_path):
    """The fewest neurons first, as numbers beside the published ones; tables hold both as texts."""
    row = {"dataset": "shd", "label": "SHD", "topology": "recurrent", "loss": "sum_exp"}
    row |= {"fold": "main", "seed": 1, "epoch": 1, "n": 9, "accuracy": 0.5, "low": 0.4, "high": 0.6}
    row |= {"classes": 20, "networks": 2}
    sizes = ["256", "64x300", "64"]
    table = pd.DataFrame([row | {"series": "test", "hidden": size} for size in sizes])
    table.to_csv(tmp_path / "a.csv", index=False)
    read = selection.read(tmp_path / "a.csv")
    assert read["hidden"].tolist() == [256, "64x300", 64]
    [axes] = plot_accuracy.draw(plot_accuracy.with_published(read)).axes
    assert labels(axes) == ["64", "256", "64x300", "512", "1024"]
    bars = plot_deployment.with_published(read.assign(series="float", source="this study"))
    assert bars.query("series == 'loihi2'")["hidden"].tolist() == [256]
    [axes] = plot_deployment.draw(bars).axes
    assert labels(axes) == ["64", "256", "64x300"]
    history = pd.DataFrame([row | {"hidden": size, "silent": 80} for size in read["hidden"]])
    history = history.assign(train_accuracy=0.6, validation_accuracy=0.6)
    assert "SHD, 64x300 hidden neurons" in plot_learning_curves.findings(history)[0]
    assert "sum_exp with 64 hidden" in plot_learning_curves.silence(history)
    cost = read.assign(kind="estimate", dynamic_energy_mJ=1.0, synaptic_operations=9)
    assert tabulate_inference_cost.findings(cost)[0].startswith("shd, 64x300 hidden neurons")


def labels(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_words_that_are_known_best_and_least_have_their_intervals():
    words = pd.DataFrame(
        {"accuracy": [1.0, 0.9, 1.0], "low": [0.7, 0.6, 0.8], "high": [1.0, 0.98, 1.0]},
        index=["one", "two", "three"],
    )
    assert plot_groups.extremes(words) == (
        "best known “one” and “three”, 100 % (95 % interval 70 to 100) and "
        "least known “two”, 90 % (95 % interval 60 to 98)"
    )
    assert plot_groups.extremes(words.drop("two")) == (
        "all words are known alike, 100 % (95 % interval 70 to 100)"
    )


def test_settings_that_no_column_has_are_said():
    settings = [
        {
            "neuron": {"model": "LIF", "tau_mem": 20, "tau_syn": 5, "threshold": 1},
            "regularisation": {"spikes": 14},
            "label_smoothing": smoothing,
        }
        for smoothing in (0.1, 0, 0.1)
    ]
    said = " ".join(tabulate_settings.findings(pd.DataFrame({"networks": [2, 1]}), settings))
    assert "3 networks of 2 kinds. All have membranes of 20 ms" in said
    assert "towards 14 spikes an example; of each target a share of 0 or 0.1 is spread" in said


def test_that_losses_share_their_tuning_is_said(tmp_path, page):
    table = pd.DataFrame({"loss": ["sum", "max"], "learning_rate": 0.01, "lambda_upper": 1e-9})
    table["lambda_lower"] = 1e-9
    for name, changed in (
        ("shared", {}),
        ("tuned", {"learning_rate": [0.01, 0.02]}),
        ("one", {"loss": "sum"}),
    ):
        table.assign(**changed).to_csv(tmp_path / f"{name}.csv", index=False)
    shares = [pages._shares_tuning(tmp_path / f"{n}.csv") for n in ("shared", "tuned", "one")]
    assert shares == [True, False, False]
    assert "all share one learning rate" in page


def test_readouts_of_the_input_are_not_counted_as_networks():
    table = pd.DataFrame({"hidden": [64, 0], "networks": [3, 1]})
    assert pages._networks(table) == "3 networks each"
    assert pages._networks(pd.DataFrame({"networks": [0, 1]})) == "1 network each"
    assert pages._networks(pd.DataFrame({"networks": [0]})) == ""


def test_the_linear_readout_stands_beside_the_networks_word_by_word(results):
    linear = pd.read_csv(results / "tables/linear.csv").set_index("series").loc["test"]
    evaluations = pd.read_csv(results / "tables/evaluations.csv")
    own = evaluations[
        (evaluations["series"] == "test")
        & (evaluations["loss"] == linear["loss"])
        & (evaluations["hidden"] == linear["hidden"])
    ]["accuracy"]
    readout = json.loads((results / "linear/noise/main.json").read_text())["test"]["accuracy"]
    assert linear["accuracy"] == pytest.approx(readout)
    assert linear["network_accuracy"] == pytest.approx(own.mean())
    assert linear["difference"] == pytest.approx(own.mean() - readout)
    assert linear["difference_low"] < linear["difference"] < linear["difference_high"]
    text = (results / "figures/accuracy.txt").read_text()
    assert f"classifies {100 * readout:.1f} %" in text
    assert f"difference is {100 * linear['difference']:+.1f} points" in text.replace("−", "-")


def test_on_speakers_left_out_in_turn_both_accuracies_are_said():
    shares = {"accuracy": 0.566, "low": 0.47, "high": 0.66}
    shares |= {"difference": 0.234, "difference_low": 0.119, "difference_high": 0.348}
    counts = {"loss": plot_accuracy.LINEAR, "examples": 2850, "networks": 6}
    rows = [{"series": series, **counts, **shares} for series in ("test", "validation")]
    said = plot_accuracy.beside_linear(pd.DataFrame(rows))[-1]
    assert "2,850 examples" in said and "6 folds, it classifies 56.6 %" in said
    assert "and the networks 80.0 %: +23.4 points (95 % interval +11.9 to +34.8)" in said


def test_costs_of_different_kinds_never_share_a_row(results):
    table = pd.read_csv(results / "tables/inference_cost.csv")
    assert set(table["kind"]) == {"measured, published", "estimate", "measured here"}
    estimates = table[table["kind"] == "estimate"]
    assert len(estimates) == 2 * len(made_up.SIZES)
    assert estimates[["total_energy_mJ", "latency_ms"]].isna().all(axis=None)
    assert estimates["dynamic_energy_mJ"].min() == pytest.approx(1e-4 * min(made_up.SIZES))
    assert (table.loc[table["kind"] == "measured, published", "dataset"] == "SHD").all()


def test_fixed_point_is_compared_with_float_by_network(results):
    table = pd.read_csv(results / "tables/deployment.csv").groupby("series")["change"].mean()
    assert table["fixed_point"] == pytest.approx(-0.01)
    assert table["fixed_point_graded"] == pytest.approx(-0.05)
    finding = (results / "figures/deployment.txt").read_text(encoding="utf-8")
    assert "−1.00 points" in finding and "−5.00 points" in finding and "−50" not in finding


def test_selection_never_looks_at_the_test():
    rows = [
        ("a", "sum", 1, "validation", 0.9),
        ("a", "sum", 1, "test", 0.1),
        ("a", "max", 1, "validation", 0.2),
        ("a", "max", 1, "test", 0.9),
    ]
    table = pd.DataFrame(rows, columns=["dataset", "loss", "seed", "series", "accuracy"])
    table = table.assign(fold="main", hidden=4, topology="recurrent")
    assert selection.best_configuration(table, "a") == ("sum", 4, "recurrent")
    assert selection.best_network(table, "a")["loss"] == "sum"


@pytest.mark.parametrize(("selection", "epoch"), [("validation", 1), ("last", 2), ("training", 2)])
def test_the_epoch_shown_is_the_one_that_was_chosen(selection, epoch):
    history = pd.DataFrame({"epoch": [1, 2], "train_accuracy": [0.5, 0.6], "train_loss": 1.0})
    network = made_up.NETWORKS[0]
    history = history.assign(validation_accuracy=[0.4, 0.3], validation_loss=2.0, **network)
    test = {"accuracy": 0.2, "low": 0.1, "high": 0.3, "n": 9, "classes": [0, 1], "unseen": None}
    record = {"selection": selection, **test}
    table = collect.evaluations(history, [(network, record)], {"noise": made_up.LABEL})
    assert table["epoch"].tolist() == [epoch] * 3
    assert schedule.best_epoch(history.to_dict("records"), selection) == epoch


def test_learning_curves_tell_which_losses_did_not_train_and_which_layers_fell_silent():
    rows = [
        {"dataset": "d", "label": "D", "topology": "recurrent", "hidden": 10, "fold": "main"}
        | {"loss": loss, "seed": seed, "epoch": epoch, "silent": silent if epoch == 2 else 1}
        | {"train_accuracy": goal * epoch / 3, "validation_accuracy": goal * epoch / 3}
        for loss, goal, silent in (("sum_exp", 0.9, 5), ("max", 0.42, 6))
        for seed in (1, 2)
        for epoch in (1, 2, 3)
    ]
    histories = pd.DataFrame(rows)
    assert plot_learning_curves.failures(histories) == [
        "Did not train, with less than 50 % training accuracy in the last epoch: max with 10 "
        "hidden neurons (2 of 2 networks, mean 42 %). This says nothing of how such losses rank."
    ]
    assert plot_learning_curves.silence(histories) == (
        "More than 50 % of the hidden neurons had no spike in a whole epoch in 2 of 4 networks: "
        "max with 10 hidden neurons (epochs 2 to 2, 2 networks)."
    )
    summary = plot_learning_curves.summarise(histories.assign(train_accuracy=0.5))
    ends = summary[(summary["loss"] == "max") & (summary["epoch"] == 3)].set_index("side")["mean"]
    assert ends.to_dict() == {"validation": pytest.approx(0.42), "training": 0.5}
    fine = histories[histories["loss"] == "sum_exp"]
    assert plot_learning_curves.failures(fine) == []
    assert plot_learning_curves.silence(fine) == (
        "In no epoch of any network was more than 50 % of the hidden layer silent; at most 50 % "
        "were."
    )


def test_published_values_agree_with_the_paper():
    table = published.accuracies().set_index(["dataset", "hidden", "series"])["accuracy"]
    assert table["shd", 512, "float"] == pytest.approx(86.98, abs=0.005)
    assert table["ssc", 1024, "lava"] == pytest.approx(62.98, abs=0.005)
    assert table["shd", 256, "loihi2"] == pytest.approx(83.746, abs=0.001)
    cost = published.inference()
    printed = cost[cost["in_table"]]
    assert len(printed) == 9
    # Table II prints total energy x latency as the energy-delay product.
    product = printed["total_mj"] * printed["latency_ms"]
    np.testing.assert_allclose(product, printed["edp_ujs"], rtol=0.02)
    jetson = cost[(cost["hardware"] == "Jetson Orin Nano") & (cost["batch"] == 1)]
    assert jetson["total_mj"].round(1).tolist() == [82.3, 85.0, 92.0]


def test_what_all_rows_share_is_said_once():
    table = pd.DataFrame({"loss": ["sum", "max", "sum"], "bits": [8, 8, 8], "lsb": [0.5, 0.5, 0.5]})
    columns, rows, shared = pages._layout(table)
    assert columns == ("loss",) and rows == (
        (("sum", "sum"),),
        (("max", "max"),),
        (("sum", "sum"),),
    )
    assert shared == ("bits 8", "lsb 0.5")
    columns, rows, shared = pages._layout(table.head(2))
    assert columns == ("loss", "bits", "lsb") and len(rows) == 2 and shared == ()


def test_the_primer_leads_to_items_by_their_titles():
    sections = contents.load(REPORT / "contents.yaml", CONFIG | {"deployment": {"bits": 8}})
    names = {item.title: item.name for section in sections for item in section.items}
    text = " ".join(pages.paragraphs(REPORT, "primer"))
    quoted = re.findall('"(.+?)"', text)
    assert quoted and set(quoted) <= set(names)
    assert pages.linked('a "Data" & "None"', {"Data": "d"}) == (
        'a <a href="#d">Data</a> &amp; &quot;None&quot;'
    )


def test_published_rows_name_source_and_known_flaws():
    others = ("state_of_the_art", "training_speed", "hardware", "claims")
    for name in ("networks", "loihi", "inference", "benchmark", *others):
        table = published.table(name)
        assert (table["source"] != "").all(), name
        for keys in table["flaws"]:
            published.flaws(keys)
    assert (published.table("methods") != "").all().all()


def test_published_speed_and_hardware_agree_with_the_other_tables():
    speed = published.table("training_speed")
    own = speed[speed["source"].str.startswith("Shoesmith") & (speed["presentations"] == 8156)]
    bench = published.benchmark()
    bench = bench[bench["clock"].str.startswith("wall") & (bench["steps"] == 1000)]
    expected = bench.sort_values(["method", "hidden"])["train_seconds_100_epochs"] / 100
    found = own.sort_values("seconds_an_epoch", kind="stable").sort_values(
        "framework", kind="stable", key=lambda names: names.str.startswith("mlGeNN")
    )
    np.testing.assert_allclose(found["seconds_an_epoch"], expected, rtol=1e-3)
    runs = published.table("networks").groupby(["dataset", "hidden"])["epoch_seconds"].mean()
    own = speed[speed["hardware"].str.startswith("JUWELS")].set_index(["dataset", "network"])
    for (dataset, hidden), seconds in runs.items():
        told = own.loc[(dataset, f"{hidden} recurrent"), "seconds_an_epoch"]
        assert told == pytest.approx(seconds, rel=2e-3)
    hardware = published.table("hardware").dropna(subset="dynamic_energy_mj")
    own = hardware[hardware["source"].str.startswith("Shoesmith")]
    cost = published.inference()
    cost = cost[cost["batch"] == 1].sort_values("hardware", ascending=False, kind="stable")
    assert own["total_energy_mj"].tolist() == cost["total_mj"].tolist()
    assert own["latency_ms"].tolist() == cost["latency_ms"].tolist()


def test_claimed_ratios_are_those_of_the_tables():
    claims = published.table("claims").set_index("claim")["protocol"]
    cost = published.inference().set_index(["hardware", "batch", "hidden"])
    loihi, jetson = cost.loc["Loihi 2", 1], cost.loc["Jetson Orin Nano"]
    one = jetson.loc[1]
    alone = one["total_mj"] / loihi["total_mj"]
    assert prose.listed(f"{ratio:.0f}" for ratio in alone) in claims["energy"]
    first, *others = jetson.groupby("hidden")["total_mj"].min() / loihi["total_mj"]
    best = prose.listed([f"{first:.1f}", *(f"{ratio:.0f}" for ratio in others)])
    assert f"best batch {best} times" in claims["energy"]
    faster = one["latency_ms"] / loihi["latency_ms"]
    assert f"{faster.min():.1f} to {faster.max():.1f} times" in claims["latency"]


def test_nothing_is_tested_where_lava_saw_other_examples():
    table = published.quantisation()
    assert table.groupby("dataset")["partial"].first().to_dict() == {"shd": False, "ssc": True}
    bounds = table.set_index("dataset")[["low", "high", "p_value"]]
    assert bounds.loc["shd"].notna().all(axis=None) and bounds.loc["ssc"].isna().all(axis=None)
    assert table["difference"].notna().all()


def test_energies_on_hardware_say_of_which_batch():
    said = tabulate_published_hardware.findings(tabulate_published_hardware.tabulate()[0])[0]
    assert "82.3 to 92 mJ on Jetson Orin Nano at batch 1." in said


def test_what_agrees_is_as_the_tests_have_it():
    table = published.table("verification").set_index("what")
    assert all((ROOT / path).is_file() for path in table["test"])
    recordings = len(list((ROOT / "tests/fixtures/lava").glob("*.npz")))
    lava = table.loc["Currents, voltages and spikes in integers"]
    assert lava["cases"] == f"{recordings} networks and inputs"
    exact = table.index[table["agreement"].str.startswith("equal")]
    assert not table.loc[exact, "agreement"].str.contains("within").any()
    assert tabulate_verification.findings(table)[0].startswith("9 comparisons stand")
    assert f" {len(exact)} of them exact;" in tabulate_verification.findings(table)[0]


def test_every_work_that_is_named_is_among_the_references():
    folder = REPORT
    works = (folder / "references.rst").read_text(encoding="utf-8").split("\n\n")
    texts = [p.read_text(encoding="utf-8") for p in folder.glob("*.rst") if p.stem != "references"]
    texts.append((folder / "contents.yaml").read_text(encoding="utf-8"))
    for name in ("methods", "hardware", "training_speed", "state_of_the_art", "claims"):
        table = published.table(name)
        texts += table.select_dtypes(exclude="number").agg(" ".join, axis=1).tolist()
    other = r"(?:,? (?:et al\.|[A-Z][\w-]+,?|and [A-Z][a-z]+(?: [A-Z]\w+)?))*"
    named = {
        match.groups()
        for text in texts
        for match in re.finditer(
            rf"([A-Z][\w'-]+){other},? \(?((?:19|20)\d\d)\b", " ".join(text.split())
        )
    }
    assert len(named) > 20
    missing = {
        (who, year)
        for who, year in named
        if not any(w.startswith(f"{who} ") and f"({year})" in w for w in works)
    }
    assert not missing
    idle = [work for work in works if not re.search(rf"\b{work.split()[0]}\b", " ".join(texts))]
    assert not idle


def test_published_csvs_agree_with_the_reference(shared):
    theirs = pd.read_csv(shared / "reference/published_results.csv")
    theirs = theirs[theirs["aug"] != "plain"].reset_index(drop=True)
    ours = published.table("networks")
    np.testing.assert_allclose(100 * ours["test_correct"] / ours["test_n"], theirs["test_acc"])
    np.testing.assert_allclose(100 * ours["lava_correct"] / ours["lava_n"], theirs["lava_acc"])


def test_contents_name_the_file_and_the_mistake(tmp_path):
    path = tmp_path / "contents.yaml"
    path.write_text("sections: [{title: A, about: b, items: [{figure: x, titel: y}]}]")
    with pytest.raises(InputError, match=r"contents\.yaml.*'titel'"):
        contents.load(path, {})
    path.write_text(
        "sections: [{title: A, about: b, items: [{figure: x, title: y}, {table: x, title: y}]}]"
    )
    with pytest.raises(InputError, match="'x' is listed twice"):
        contents.load(path, {})
    path.write_text("sections: [{title: A, items: [{figure: x, title: a, why?, b}]}]")
    with pytest.raises(InputError, match=r"contents\.yaml: line 1"):
        contents.load(path, {})


def test_contents_follow_the_configuration(tmp_path):
    path = tmp_path / "contents.yaml"
    path.write_text(
        "sections: [{title: A, about: b, items: [{figure: x, title: y, when: search.fast}]}]"
    )
    assert contents.load(path, {"search": {}}) == []
    assert contents.load(path, {"search": {"fast": {}}}) == []
    (section,) = contents.load(path, {"search": {"fast": {"rounds": 1}}})
    assert contents.files([section], "r")[0] == "r/figures/x.svg"


def test_every_item_has_a_caption_and_known_claims():
    for item in listed():
        assert (REPORT / f"{item.name}.rst").read_text().strip()
        published.claims(item.published)


def test_embedded_figures_follow_the_theme(tmp_path):
    with plots.style():
        figure, axes = plots.subplots(height=1)
        axes.plot([0, 1], color=plots.BLUE)
    plots.save(figure, tmp_path / "x.svg")
    embedded = svg.embed(tmp_path / "x.svg", "x", 'a "title" & more')
    assert "currentColor" in embedded and plots.INK not in embedded and plots.PAPER not in embedded
    assert plots.BLUE in embedded
    assert 'aria-label="a &quot;title&quot; &amp; more"' in embedded
    assert "<style" not in embedded and "xmlns" not in embedded


def test_letters_that_no_font_has_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: [])
    with plots.style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, axes = plots.subplots(height=1)
        axes.set_title("零 σίγμα да ไทย نعم לא é")
        missing = plots.save(figure, tmp_path / "x.svg")
    assert missing == "ทยไ零"
    assert "零" in fonts.advice(missing)[0] and fonts.advice("") == []


def test_installed_fonts_fill_in(tmp_path, monkeypatch):
    other = fonts.BASE.with_name("STIXGeneral.ttf")
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: [str(other), "absent.ttf"])
    lacking = sorted(fonts.letters(other) - fonts.letters(fonts.BASE))
    letter = next(character for character in lacking if character.isalpha())
    assert fonts.find(f"a{letter}") == ([str(other)], "")
    with plots.style():
        figure, axes = plots.subplots(height=1)
        axes.set_title(letter)
    assert plots.save(figure, tmp_path / "x.svg") == ""


def test_columns_on_paper_have_room_for_their_longest_word():
    name, text = "synaptic_operations.hidden", "a word and another " * 6
    wide, narrow = report_script.widths(["quantity", "source"], [[name, text], ["x", "y"]])
    assert wide == len(name) + report_script.GAP and narrow < len(text) / 2
    assert report_script.widths(["quantity", "source"], [[name, "y"]]) == [0, 0]


def test_tables_are_turned_whose_words_find_no_room():
    names = ("lambda upper", "selection") * 5
    row = ["2.5e-10", "validation"] * 5  # 7 and 10 letters, and a gap of 2 for each
    assert not report_script.wide(names, [row]) and not report_script.wide(names, [])
    assert report_script.wide((*names, "a", "b"), [[*row, "x" * 10, "x" * 5]])


def test_lines_of_losses_stand_out_on_light_and_dark_paper():
    def luminance(color):
        shares = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    assert luminance("#ffffff") == pytest.approx(1)
    for name in plots.LOSSES:
        own = luminance(plots.loss_line(name)["color"])
        assert (luminance(plots.PAPER) + 0.05) / (own + 0.05) > 2, name
        if plots.loss_line(name)["color"] != plots.INK:  # ink becomes light
            assert (own + 0.05) / (luminance("#16171b") + 0.05) > 3, name


def test_names_on_axes_are_short_and_literal():
    long = "a phrase of many words, " * 5
    assert plots.short(["ja", "$x$", long]) == ["ja", r"\$x\$", "a phrase of many wo…"]


def test_prose():
    assert prose.percent((0.8034, 0.771, 0.832)) == "80.3 % (95 % interval 77.1 to 83.2)"
    assert "no interval" in prose.percent((0.8, np.nan, np.nan))
    assert prose.points((-0.012, -0.02, -0.004)) == "−1.2 points (95 % interval −2.0 to −0.4)"
    assert "−2.0 to +0.4, undecided)" in prose.points((-0.012, -0.02, 0.004))
    assert "points (no interval)" in prose.points((0.01, np.nan, np.nan))
    assert prose.listed(["a"]) == "a" and prose.listed("abc") == "a, b and c"
    assert prose.undecided(-0.2, 0.4) == ", undecided" == prose.undecided(0.0, 0.0)
    assert prose.undecided(0.05, 0.2) == "" == prose.undecided(-0.2, -0.05)
    assert prose.small(0.0) == "0" and prose.small(0.0171) == "0.017"
    assert prose.small(2.84e-12) == "2.8 × 10⁻¹²" and prose.small(9e-8, 1) == "9 × 10⁻⁸"
    assert (
        prose.typeset("-5.8 (-0.3 at SHD-256), 1e-08, 9-10")
        == "−5.8 (−0.3 at SHD-256), 1e-08, 9-10"
    )
    assert (
        prose.typeset("(1 - exp(-dt / tau)), snakemake -n") == "(1 − exp(−dt / tau)), snakemake -n"
    )
    assert prose.typeset("15% and 1.6 % in 5 ms, 2 s") == "15\xa0% and 1.6\xa0% in 5\xa0ms, 2\xa0s"
    assert prose.count(1, "seed") == "1 seed" and prose.count(8156, "seed") == "8,156 seeds"


def test_marked_escapes_before_it_marks():
    assert pages.marked("``a<b`` & c") == "<code>a&lt;b</code> &amp; c"
