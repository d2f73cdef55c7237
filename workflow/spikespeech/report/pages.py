"""The report as data: what each result shows, says and rests on, before any layout."""

import html
import math
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from spikespeech.errors import InputError
from spikespeech.reading import read_csv
from spikespeech.report import prose, published

MOST_ROWS = 80
"""Longer tables are left to their CSV files."""

FEW_ROWS = 2
"""Tables of no more rows show every column; in longer ones a value that all rows share is said
once, above them."""

NAMES = ("dataset", "class", "group", "true", "predicted")
"""Columns that hold what users name: shown as written, whatever it looks like."""


@dataclass(frozen=True)
class Result:
    """One figure or table, ready to be laid out.

    Attributes
    ----------
    kind, name, title, source : as in contents.yaml
    caption, finding, gist : list of paragraphs; text; its first sentence or first few
    svg : path of the figure, "" for a table
    columns, rows : names, and cells as (text, sort key) pairs; rows are empty where there are more
        than MOST_ROWS of them
    shared : "name value" of each column whose cells are all alike, which `columns` leaves out
    n_rows : number of rows of the file
    numbers : path of the CSV file
    data : labels of the data sets that the numbers rest on
    networks : how many seeds or networks the numbers rest on, as text
    synthetic : whether any of the data is synthetic speech
    published : claims of the literature (see `published.claims`, and `once`)
    target : the file that `snakemake` remakes
    key : whether the opening summary quotes the finding
    """

    kind: str
    name: str
    title: str
    source: str
    caption: tuple
    finding: str
    gist: str
    svg: str
    columns: tuple
    rows: tuple
    shared: tuple
    n_rows: int
    numbers: str
    data: tuple
    networks: str
    synthetic: bool
    published: tuple
    target: str
    key: bool


def read(item, results, captions, labels, searches=None):
    """Return the Result of one item of the contents.

    Parameters
    ----------
    item : contents.Item
    results, captions : folders
    labels : {name of a data set: its label}
    searches : {name of a search: the label of its data set}
    """
    files = item.files(results)
    table = read_csv(files["numbers"], text=NAMES)
    data = _data(table, labels, searches or {})
    if "label" in table and "dataset" in table:
        table = table.drop(columns="label").assign(dataset=table["label"])
    columns, rows, shared = _layout(table)
    said = prose.typeset(Path(files["finding"]).read_text(encoding="utf-8").strip()).splitlines()
    return Result(
        kind=item.kind,
        name=item.name,
        title=item.title,
        source=item.source,
        caption=paragraphs(captions, item.name),
        finding=" ".join(said),
        gist=said[0] if said else "",
        svg=files.get("svg", ""),
        columns=columns,
        rows=rows if len(table) <= MOST_ROWS else (),
        shared=shared,
        n_rows=len(table),
        numbers=files["numbers"],
        data=data,
        networks=_networks(table),
        synthetic=any(prose.SYNTHETIC in label for label in data),
        published=tuple(map(_typeset, published.claims(item.published))),
        target=files.get("svg", files["numbers"]),
        key=item.key,
    )


def _typeset(claim):
    texts = {key: prose.typeset(claim[key]) for key in ("text", "protocol", "source")}
    return claim | texts | {"flaws": [prose.typeset(flaw) for flaw in claim["flaws"]], "told": ""}


def once(results):
    """Return the Results in order, in which a claim's second telling names where the first is.

    That is `told`, the name of the item that has the claim in full; "" in the first telling.
    """
    first, told = {}, []
    for result in results:
        claims = [claim | {"told": first.get(claim["claim"], "")} for claim in result.published]
        first |= {claim["claim"]: result.name for claim in claims if not claim["told"]}
        told.append(replace(result, published=tuple(claims)))
    return told


def plain(result):
    """Return a Result as plain dictionaries and lists, for JSON."""
    return asdict(result)


def cards(results):
    """Return the headline accuracy of each data set: that of the chosen configuration.

    Each is a dictionary: label, accuracy, low, high, chance (percent, as text), what (the
    configuration), chosen (by which accuracy), networks.
    """
    found = [result for result in results if result.name == "accuracy"]
    if not found:
        return []
    table = read_csv(found[0].numbers, text=NAMES)
    best = table[(table["series"] == "test") & table["chosen"].notna()]
    return [
        {
            "label": row.label,
            "accuracy": f"{100 * row.accuracy:.1f}",
            "low": "" if math.isnan(row.low) else f"{100 * row.low:.1f}",
            "high": "" if math.isnan(row.high) else f"{100 * row.high:.1f}",
            "chance": f"{100 / row.classes:.1f}",
            "what": f"{row.loss}, {row.hidden} {row.topology} hidden neurons",
            "chosen": row.chosen,
            "networks": row.networks,
        }
        for row in best.itertuples()
    ]


def kind_of_speech(labels):
    """Return what a title says of data sets' labels: ", on synthetic speech"."""
    synthetic = [prose.SYNTHETIC in label for label in labels]
    if not any(synthetic):
        return ""
    return ", on synthetic speech" if all(synthetic) else ", on synthetic and recorded speech"


def ran(results):
    """Return sentences on the data that were learned from, and on seeds and speakers."""
    by_name = {result.name: result for result in results}
    sentences = [by_name[name].gist for name in ("datasets", "speakers") if name in by_name]
    if "accuracy" in by_name:
        table = read_csv(by_name["accuracy"].numbers, text=NAMES)
        # Without the linear read-outs, which are no networks.
        table = table[(table["series"] == "test") & (table["hidden"] != 0)]
        losses, sizes = (list(dict.fromkeys(table[name])) for name in ("loss", "hidden"))
        least, most = table["networks"].min(), table["networks"].max()
        each = prose.count(most, "network") if least == most else f"{least} to {most} networks"
        sentences.append(
            f"{prose.count(int(table['networks'].sum()), 'network')} with the losses "
            f"{prose.listed(losses)} and {prose.listed(sizes)} hidden neurons, {each} (seeds and "
            "folds) of each kind."
        )
    return sentences


def unknown(results):
    """Return sentences on what the study cannot tell."""
    sentences = []
    if any(result.synthetic for result in results):
        sentences.append(
            "How well these networks hear people: where speech is synthetic, no person spoke, and "
            "one synthesiser's voices differ less than people's do."
        )
    if any(_shares_tuning(result.numbers) for result in results if result.name == "settings"):
        sentences.append(
            "How losses would compare at settings of their own: here all share one learning rate "
            "and one strength of the regulariser."
        )
    return [
        *sentences,
        "How accuracy varies between speakers at large: intervals are over networks, and few "
        "speakers are unseen.",
        "What the chip itself does: its arithmetic is simulated in every bit, its time and energy "
        "are estimated or published, not measured.",
    ]


def _shares_tuning(path):
    """Return whether networks of a table of settings differ in their loss, not in its tuning."""
    table = read_csv(path, text=NAMES)
    tuned = table[["learning_rate", "lambda_upper", "lambda_lower"]].drop_duplicates()
    return table["loss"].nunique() > 1 and len(tuned) == 1


def marked(text):
    """Return prose as HTML: everything escaped, ``code`` in double backquotes set as code."""
    return re.sub(r"``(.+?)``", r"<code>\1</code>", html.escape(text))


def linked(text, names):
    """Return prose as HTML like `marked`, in which quoted titles of `names` lead to their items.

    names : {title of an item: its name}
    """

    def link(match):
        title = html.unescape(match[1])
        return f'<a href="#{names[title]}">{match[1]}</a>' if title in names else match[0]

    return re.sub(r"&quot;(.+?)&quot;", link, marked(text))


def _layout(table):
    """Return (columns, rows, shared) of a table, see Result."""
    names = [str(column).replace("_", " ") for column in table.columns]
    cells = [[_cell(value) for value in table[column].astype(object)] for column in table.columns]
    alike = [len(table) > FEW_ROWS and len(set(column)) == 1 for column in cells]
    shown = [i for i, same in enumerate(alike) if not same]
    return (
        tuple(names[i] for i in shown),
        tuple(zip(*(cells[i] for i in shown), strict=True)),
        tuple(f"{names[i]} {cells[i][0][0]}" for i, same in enumerate(alike) if same),
    )


def paragraphs(captions, name):
    """Return the paragraphs of a caption or text in the folder `captions`."""
    path = Path(captions) / f"{name}.rst"
    if not path.is_file():
        raise InputError("has no caption", file=path, hint="write what the result shows, in prose")
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip())
    return tuple(prose.typeset(" ".join(block.split())) for block in blocks if block)


def _data(table, labels, searches):
    if "label" in table and table["label"].dtype.kind not in "iuf":
        return tuple(dict.fromkeys(table["label"].dropna()))
    if "dataset" in table:
        return tuple(labels.get(name, name) for name in dict.fromkeys(table["dataset"].dropna()))
    if "search" in table:
        return tuple(dict.fromkeys(searches[name] for name in table["search"]))
    return ()


def _networks(table):
    if "networks" in table:
        # Read-outs of the input are no networks: no hidden neuron, or none counted.
        networks = table["networks"] > 0
        if "hidden" in table:
            networks &= table["hidden"].astype(str) != "0"
        counts = table.loc[networks, "networks"].astype(int)
        if counts.empty:
            return ""
        least, most = counts.min(), counts.max()
        each = f"{least} to {most} networks" if least < most else prose.count(most, "network")
        return f"{each} each"
    if "seed" in table:
        seeds = sorted(set(table["seed"].dropna()))
        return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(f'{seed:g}' for seed in seeds)}"
    return ""


def _cell(value):
    """Return (text, sort key) of a table's cell; numbers have at most four significant digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–", ""
    if isinstance(value, bool):
        return ("yes" if value else "no"), str(int(value))
    if isinstance(value, int):
        return (f"{value:,}" if abs(value) >= 10_000 else str(value)), str(value)
    if isinstance(value, float):
        if value == round(value) and abs(value) < 1e15:
            return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}", repr(value)
        return (f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"), repr(value)
    return str(value), str(value)
