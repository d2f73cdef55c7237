"""All keys of a configuration and what each is, as `config/README.md` lists them.

`python -m spikespeech.keys` prints the list; what it says are the schemas' own descriptions.
"""

from spikespeech.schema import schemas

ROOT, NAME = "config.schema.yaml", "NAME"
MOST_VALUES = 12
"""A key with more values than these is listed without them."""


def reference():
    """Return lines of Markdown: a section of the configuration each, with the keys in it."""
    lines = []
    for section, about in schemas()[ROOT]["properties"].items():
        file, found = _resolved(ROOT, about)
        lines += ["", f"### `{section}`", "", f"{found['description']}.", ""]
        lines += _keys(section, file, found)
    return lines[1:]


def _keys(path, file, about):
    """Return a line for each key below an object, followed by those of the keys below it."""
    lines = []
    for name, inner in _inner(file, about):
        where, found = _resolved(file, inner)
        if "const" in found or "not" in found:
            continue
        items = _resolved(where, found.get("items", {}))[1]
        values = list(map(str, found.get("enum", items.get("enum", ()))))
        choice = f" ({', '.join(values)})" if 0 < len(values) <= MOST_VALUES else ""
        lines.append(f"- `{path}.{name}`{choice}: {found['description']}")
        # Settings of a training stand in several places, and are listed once.
        if not inner.get("$ref", "").endswith("/training"):
            lines += _keys(f"{path}.{name}", where, found)
    for kind in about.get("allOf", ()):
        source = kind["if"]["properties"]["source"]["const"]
        lines += [f"- with `source: {source}`:", *_keys(path, *_resolved(file, kind["then"]))]
    return lines


def _inner(file, about):
    """Yield (name, schema) of the keys of an object, those of its alternatives included."""
    yield from about.get("properties", {}).items()
    for one in about.get("oneOf", ()):
        yield from _inner(file, _resolved(file, one)[1])
    for one in (*about.get("patternProperties", {}).values(), about.get("additionalProperties")):
        if one:
            yield NAME, one


def _resolved(file, about):
    """Return the file of a schema and the schema, its reference replaced by what it refers to."""
    while "$ref" in about:
        name, _, path = about["$ref"].partition("#")
        file = name or file
        found = schemas()[file]
        for key in filter(None, path.split("/")):
            found = found[key]
        about = found | {key: value for key, value in about.items() if key != "$ref"}
    return file, about


if __name__ == "__main__":
    print("\n".join(reference()))
