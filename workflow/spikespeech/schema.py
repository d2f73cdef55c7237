"""A configuration against its schemas: what is wrong becomes one line that names key and hint."""

import functools
import math
import re
import textwrap
import unicodedata
from pathlib import Path

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from spikespeech import lists
from spikespeech.errors import InputError, nearest

FOLDER = Path(__file__).parent.parent / "schemas"
DEEPEST, LARGEST = 40, 1_000_000
"""Levels and values of a configuration: more, and an alias of YAML holds itself over and over."""


def check(config):
    """Raise InputError, naming the key, unless `config` is as the schemas say.

    Text is replaced in place by the number, truth value or null that it spells, where the schemas
    want one of these and no text.
    """
    check_plain(config)
    validator = _validator()
    while errors := list(validator.iter_errors(config)):
        if not any([_respell(config, error) for error in _leaves(errors)]):
            raise InputError(f"configuration: {explain(_worst(errors))}")


@functools.cache
def schemas():
    """Return the schemas by name: the files of `workflow/schemas/`, and `lists.schema`."""
    files = {p.name: yaml.safe_load(p.read_text(encoding="utf-8")) for p in FOLDER.iterdir()}
    return files | {lists.NAME: lists.schema()}


@functools.cache
def _validator():
    registry = Registry().with_resources(
        (name, Resource.from_contents(schema, DRAFT202012)) for name, schema in schemas().items()
    )
    return jsonschema.Draft202012Validator(schemas()["config.schema.yaml"], registry=registry)


def check_file(path):
    """Raise InputError unless a configuration file is YAML in UTF-8 whose sections come once.

    Snakemake, which reads it, keeps the last of several sections of one name and says nothing.
    """
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8-sig"), yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {error.start} is not UTF-8", file=path, hint="save the file as UTF-8"
        ) from None
    except RecursionError:
        raise InputError("nests too deeply", file=path) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InputError(f"line {line}: {error.problem}", file=path) from None
    pending, seen = [root] if root else [], set()
    while pending:
        node = pending.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending += node.value
            continue
        lines = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in lines and name != "<<":
                raise InputError(
                    f"{name!r} stands in line {lines[name]} and again in line {line}, of which "
                    "only one would count",
                    file=path,
                    hint="join them",
                )
            lines[name] = line
            pending.append(value)


def check_plain(config):
    """Refuse what YAML has and JSON, in which jobs get their settings, has not: dates, NaN, …"""
    pending, n = [(config, ())], 0
    while pending:
        value, path = pending.pop()
        n += 1
        if len(path) > DEEPEST or n > LARGEST:
            raise InputError(
                f"configuration: {_where(path[:3])}: nests too deeply or holds too much",
                hint="look for an alias that stands in itself",
            )
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise InputError(
                        f"configuration: {_where(path)}: the key {_shown(key)} is no text",
                        hint="quote it",
                    )
                pending.append((inner, (*path, key)))
        elif isinstance(value, list):
            pending += [(inner, (*path, i)) for i, inner in enumerate(value)]
        elif isinstance(value, str):
            if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
                raise InputError(f"configuration: {_where(path)}: {value!r} has control characters")
        elif isinstance(value, int | float):
            if not abs(value) < 2**63:  # NaN compares with nothing
                raise InputError(f"configuration: {_where(path)}: {value!r:.30} is out of range")
        elif value is not None:
            raise InputError(
                f"configuration: {_where(path)}: {value!r} is no number, text or list",
                hint="quote it",
            )


def _leaves(errors):
    """Yield the errors within `errors`, those of alternatives (`oneOf`) included."""
    for error in errors:
        yield error
        yield from _leaves(error.context)


def _respell(config, error):
    """Put a number, truth value or null where text spells it and `error` is that it is text."""
    path = list(error.absolute_path)
    if not path or not isinstance(error.instance, str):
        return False
    if error.validator == "type":
        wanted = error.validator_value
        value = _spelt(error.instance, [wanted] if isinstance(wanted, str) else wanted)
    elif error.validator == "enum":
        value = _spelt(error.instance, ["number", "boolean"])
        value = value if value in error.validator_value else error.instance
    else:
        return False
    owner = config
    for key in path[:-1]:
        owner = owner[key]
    # An error of another alternative may have put it there already.
    if isinstance(value, str) or not isinstance(owner[path[-1]], str):
        return False
    owner[path[-1]] = value
    return True


def _spelt(text, wanted):
    """Return what a text spells, of the types that are wanted; or the text."""
    words = {"boolean": {"true": True, "yes": True, "false": False, "no": False}}
    words["null"] = {"null": None, "~": None}
    for kind in ("boolean", "null"):
        if kind in wanted and text.lower() in words[kind]:
            return words[kind][text.lower()]
    if {"number", "integer"} & set(wanted) and re.fullmatch(r"[-+.0-9eE]+", text):
        for kind in (int, float):
            try:
                value = kind(text)
            except ValueError:
                continue
            if math.isfinite(value) and abs(value) < 2**63:
                return value
    return text


def _worst(errors):
    """Return the error to report: what is no text where text is wanted, or the best match."""
    for error in _leaves(errors):
        if _unquoted(error) or _forbidden(error):
            return error
    return jsonschema.exceptions.best_match(errors)


def _forbidden(error):
    """Whether the schema says in words why the key may not be there."""
    return error.validator == "not" and "description" in error.schema


def _unquoted(error):
    """Whether YAML took a name for a number, truth value or null, where text is wanted."""
    if isinstance(error.instance, str | list | dict):
        return False
    if error.validator == "type":
        return error.validator_value == "string"
    names = error.validator_value if error.validator == "enum" else ()
    return bool(names) and all(isinstance(name, str) for name in names)


def _where(path):
    return ".".join(map(str, path)) or "top level"


def _shown(value):
    """Return a value as YAML has it."""
    names = {True: "yes, true or on", False: "no, false or off", None: "null"}
    return names[value] if value is None or isinstance(value, bool) else repr(value)


def explain(error):
    """Return one line that says which key of the configuration is wrong, and the hint."""
    where = _where(error.absolute_path)
    if _unquoted(error):
        return f"{where}: is read as {_shown(error.instance)}, where a name is wanted (quote it)"
    if _forbidden(error):
        return f"{where}: {error.schema['description']}"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", ())
        key = next(
            k
            for k in error.instance
            if k not in known and not any(re.search(p, k) for p in patterns)
        )
        where = _where((*error.absolute_path, key))
        if not known and patterns:
            return f"{where}: name it with small letters, digits and _"
        return f"unknown key {where!r}{nearest(key, known) if known else '; it takes none'}"
    listed = error.validator == "type" and error.validator_value == "array"
    if listed and not isinstance(error.instance, dict):
        shown = _plain(error.instance)
        return f"{where}: {shown} is no list (write [{shown}])"
    if error.validator == "uniqueItems":
        twice = next(v for i, v in enumerate(error.instance) if v in error.instance[:i])
        return f"{where}: {_plain(twice)} comes twice"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        about = error.schema.get("properties", {}).get(missing, {})
        return f"{where}: {missing!r} is missing" + _choices(about)
    return f"{where}: {textwrap.shorten(error.message, 300)}"


def _plain(value):
    return value if isinstance(value, str) else _shown(value)


def _choices(about):
    """Return the values that a property may have, as a hint; "" where there are many."""
    if "$ref" in about:
        file, _, path = about["$ref"].partition("#")
        found = schemas().get(file, {})
        for key in path.strip("/").split("/"):
            found = found.get(key, {})
        about = found
    return f" (one of {', '.join(map(str, about['enum']))})" if "enum" in about else ""
