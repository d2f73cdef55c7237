"""What the report consists of: `workflow/report/contents.yaml`, read and checked."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from spikespeech.errors import InputError


@dataclass(frozen=True)
class Item:
    """One figure or table of the report; see the head of contents.yaml for the fields."""

    kind: str
    name: str
    title: str
    when: str = ""
    source: str = ""
    published: tuple = ()
    key: bool = False

    def files(self, results):
        """Return the item's files under the folder `results`, by role."""
        numbers = f"{results}/tables/{self.name}.csv"
        if self.kind == "table":
            return {"numbers": numbers, "finding": f"{results}/tables/{self.name}.txt"}
        stem = f"{results}/figures/{self.name}"
        return {
            "svg": f"{stem}.svg",
            "png": f"{stem}.png",
            "finding": f"{stem}.txt",
            "numbers": numbers,
        }


@dataclass(frozen=True)
class Section:
    """A titled list of items, perhaps after a text of the report's own (a caption without them)."""

    title: str
    about: str
    items: tuple
    text: str = ""


def load(path, config):
    """Read contents.yaml; return the sections with the items that `config` makes.

    Sections without items or text are left out. Raises InputError for an unknown or missing key
    or a name that comes twice.
    """
    try:
        listed = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["sections"]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise InputError(f"line {line}: {error.problem}", file=path, hint="quote it") from error
    names, sections = set(), []
    for section in listed:
        items = [_item(entry, path) for entry in section.get("items", [])]
        for item in items:
            if item.name in names:
                raise InputError(f"{item.name!r} is listed twice", file=path)
            names.add(item.name)
        items = tuple(item for item in items if not item.when or _lookup(config, item.when))
        text = section.get("text", "")
        if items or text:
            sections.append(Section(section["title"], section["about"], items, text))
    return sections


def captions(sections):
    """Return the names of all captions and texts that the sections show, in order."""
    return [
        name
        for section in sections
        for name in (section.text, *(item.name for item in section.items))
        if name
    ]


def files(sections, results):
    """Return the path of every file that the sections show, in order."""
    return [
        path
        for section in sections
        for item in section.items
        for path in item.files(results).values()
    ]


def _item(entry, path):
    entry = dict(entry)
    kinds = [kind for kind in ("figure", "table") if kind in entry]
    if len(kinds) != 1:
        raise InputError(f"{entry} must name one figure or one table", file=path)
    unknown = set(entry) - {"figure", "table", "title", "when", "source", "published", "key"}
    if unknown or "title" not in entry:
        problem = f"has an unknown key {min(unknown)!r}" if unknown else "has no title"
        raise InputError(f"{entry[kinds[0]]!r} {problem}", file=path)
    name = entry.pop(kinds[0])
    entry["published"] = tuple(entry.get("published", ()))
    return Item(kinds[0], name, **entry)


def _lookup(config, dotted):
    for key in dotted.split("."):
        if not isinstance(config, dict) or key not in config:
            return None
        config = config[key]
    return config
