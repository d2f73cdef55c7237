"""Assemble the report, one HTML page and one PDF, from the figures, tables and findings."""

import hashlib
import importlib.metadata
import json
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import jinja2
import markupsafe
import typst

from spikespeech import command, files
from spikespeech.report import contents, fonts, pages, svg

TITLE = "Spiking keyword spotting by EventProp"
LEAD = (
    "Recurrent spiking networks that learn spoken words by EventProp, and the same networks in "
    "the integer arithmetic of a neuromorphic chip."
)
ASKED = (
    "Do recurrent spiking networks learn spoken words by exact gradients (Nowotny et al. 2025; "
    "Shoesmith et al. 2025)? Does the thesis's Gaussian window learn faster than sum_exp? What do "
    "8-bit integers, as Loihi 2 has them, cost? Does a search find better settings than chance?"
)
LINE, LONG_CELL, GAP = 90, 14, 2
"""Characters of a line on paper, of a cell above which its column is broken into lines, and of the
room between columns."""
MOST_WORDS = 116
"""Letters of a line that holds words of every column, in small print; a wider table is turned."""
PACKAGES = ("spikespeech", "snakemake", "numpy", "numba", "scipy", "pandas", "matplotlib", "typst")


def assemble(sections, results, captions, labels, provenance, config, configfiles=()):
    """Return the report as one dictionary of plain data, which both layouts are filled from.

    Parameters
    ----------
    sections : list of contents.Section
    results, captions : folders of the results and of the captions
    labels : {name of a data set: its label}
    provenance : list of (name, value)
    config : the configuration, a dictionary
    configfiles : the files that it came from, but for the default
    """
    remake = "snakemake --cores all"
    if configfiles:
        remake += " --configfile " + " ".join(map(shlex.quote, configfiles))
    searches = {
        name: labels[search["dataset"]] for name, search in (config.get("search") or {}).items()
    }
    filled = [
        {
            "id": "section-" + "-".join(section.title.lower().split()),
            "title": section.title,
            "about": section.about,
            "text": pages.paragraphs(captions, section.text) if section.text else (),
            "items": [item.name for item in section.items],
        }
        for section in sections
    ]
    items = [item for section in sections for item in section.items]
    read = pages.once([pages.read(item, results, captions, labels, searches) for item in items])
    shown = {
        result.name: pages.plain(result) | {"command": f"{remake} {shlex.quote(result.target)}"}
        for result in read
    }
    for section in filled:
        section["results"] = [shown[name] for name in section.pop("items")]
    own = [labels[name] for name in config["networks"]["dataset"]]
    return {
        "title": TITLE + pages.kind_of_speech(own),
        "lead": LEAD,
        "asked": ASKED,
        "ran": pages.ran(read),
        "unknown": pages.unknown(read),
        "cards": pages.cards(read),
        "highlights": [{"name": r.name, "title": r.title, "text": r.gist} for r in read if r.key],
        "synthetic": any(result.synthetic for result in read),
        "titles": {result.name: result.title for result in read},
        "sections": filled,
        "provenance": provenance,
        "configuration": json.dumps(config, indent=2, sort_keys=True),
    }


def origin(config):
    """Return (name, value) pairs: what this report was made with, and from which configuration."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return [
        ("Configuration", f"sha256:{digest[:16]}"),
        ("Commit", commit()),
        ("Python", f"{platform.python_version()} on {platform.machine()}"),
        *((name, importlib.metadata.version(name)) for name in PACKAGES),
    ]


def commit():
    """Return the commit of the checkout, "not a git checkout" outside of one."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
    return run.stdout.strip()


def page(report, template, style, script):
    """Return the HTML page of a report; everything that is not markup of ours is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    names = {title: name for name, title in report["titles"].items()}
    sections = [
        section
        | {
            "results": [_layout(result, names) for result in section["results"]],
            "text": [markupsafe.Markup(pages.linked(text, names)) for text in section["text"]],
        }
        for section in report["sections"]
    ]
    return environment.from_string(template).render(
        report
        | {
            "sections": sections,
            "style": markupsafe.Markup(style),
            "script": markupsafe.Markup(script),
        }
    )


def _layout(result, names):
    figure = svg.embed(result["svg"], result["name"], result["title"]) if result["svg"] else ""
    return result | {
        "figure": markupsafe.Markup(figure),
        "caption": [markupsafe.Markup(pages.linked(text, names)) for text in result["caption"]],
    }


def pdf(report, template, out):
    """Compile the Typst template over the report to a PDF; equal reports give equal bytes."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sections = [
            section | {"results": [_typeset(result, folder) for result in section["results"]]}
            for section in report["sections"]
        ]
        text = json.dumps(report | {"sections": sections}, ensure_ascii=False)
        (folder / "fonts").mkdir()
        found, missing = fonts.find(text)
        for path in found:
            shutil.copy(path, folder / "fonts")
        letters = json.dumps(fonts.advice(missing), ensure_ascii=False)
        (folder / "report.json").write_text(text, encoding="utf-8")
        (folder / "letters.json").write_text(letters, encoding="utf-8")
        shutil.copy(template, folder / "report.typ")
        with files.atomic(out) as partial:
            typst.compile(
                folder / "report.typ",
                output=partial,
                root=folder,
                format="pdf",
                font_paths=[folder / "fonts"],
                ignore_system_fonts=True,
                timestamp=0,
            )


def _typeset(result, folder):
    image = ""
    if result["svg"]:
        source = Path(result["svg"])
        heavy = source.stat().st_size > svg.HEAVY
        image = f"{result['name']}.{'png' if heavy else 'svg'}"
        shutil.copy(source.with_suffix(Path(image).suffix), folder / image)
    rows = [[text for text, _ in row] for row in result["rows"]]
    shares = widths(result["columns"], rows)
    turned = wide(result["columns"], rows)
    return result | {"image": image, "rows": rows, "widths": shares, "wide": turned}


def wide(names, rows):
    """Return whether the longest words of all columns are too much for a line of upright paper."""
    words = (
        max((len(word) for cell in cells for word in cell.split()), default=0)
        for cells in zip(names, *rows, strict=True)
    )
    return bool(rows) and sum(GAP + word for word in words) > MOST_WORDS


def widths(names, rows):
    """Return the columns' shares of a line of paper; all 0 where each may be as wide as it is.

    A column has room for its longest cell and the longest word of its head, but a long cell only
    for a part of it, and for its longest word.
    """
    longest = [
        max(max(map(len, cells)), *map(len, name.split()))
        for name, cells in zip(names, zip(*rows, strict=True), strict=False)
    ]
    if sum(longest) <= LINE:
        return [0] * len(longest)
    words = [
        max((len(word) for cell in cells for word in cell.split()), default=0)
        for cells in zip(*rows, strict=True)
    ]
    return [
        GAP + max(word, min(n, LONG_CELL) + 2 * max(0, n - LONG_CELL) ** 0.5)
        for n, word in zip(longest, words, strict=True)
    ]


def main(arguments):
    config = arguments.settings["config"]
    layout = Path(arguments.layout)
    report = assemble(
        contents.load(layout / "contents.yaml", config),
        arguments.results,
        layout,
        arguments.settings["labels"],
        origin(config),
        config,
        arguments.settings["configfiles"],
    )
    texts = [
        (layout / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html.j2", "css", "js")
    ]
    files.write_text(arguments.html, page(report, *texts))
    pdf(report, layout / "report.typ", arguments.pdf)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument(
        "--layout", required=True, help="folder of contents.yaml, captions (name.rst), report.*"
    )
    parser.add_argument("--results", required=True, help="folder of figures and tables")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: config, labels, configfiles",
    )
    parser.add_argument("--html", required=True, help="page to write")
    parser.add_argument("--pdf", required=True, help="PDF to write")
    command.run(main, parser.parse_args())
