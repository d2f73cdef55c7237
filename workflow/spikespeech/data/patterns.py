"""Patterns of file names, such as "{label}/{speaker}_{take}.wav"."""

import re
from pathlib import PurePosixPath

from spikespeech.data import names
from spikespeech.errors import InputError

FIELDS = ("label", "speaker", "part")
"""What a file's name may say; fields of other names are passed over."""


def reader(pattern):
    """Return a function of a file and its name that returns a `pattern`'s fields, and its suffix.

    A field matches one or more characters but a slash; the suffix, in capitals as well. It is
    empty where it holds a field. Raises InputError for a pattern that
    cannot be meant; the function, for a name that does not fit, or fits in more than one way.
    """
    pattern = names.composed(pattern)
    hint = 'set `pattern` of the data set, for example "{label}/{speaker}_{take}.wav"'
    fields = re.findall(r"{([^{}]*)}", pattern)
    for field in fields:
        if not re.fullmatch(r"[A-Za-z_]\w*", field, re.ASCII):
            raise InputError(f"pattern {pattern!r}: {{{field}}} is no name of a field", hint=hint)
        if field not in FIELDS and field.lower() in FIELDS:
            raise InputError(
                f"pattern {pattern!r}: {{{field}}} is no known field; "
                f"did you mean {{{field.lower()}}}?",
                hint=hint,
            )
    if "label" not in fields or len(set(fields)) < len(fields):
        raise InputError(
            f"pattern {pattern!r} must hold {{label}}, and each field once; it holds "
            f"{', '.join(f'{{{f}}}' for f in fields) or 'none'}",
            hint=hint,
        )
    # Of all readings of a name, that with the shortest first fields and that with the longest.
    short, long = (_expression(pattern, more) for more in ("+?", "+"))

    def read(file, name):
        match = short.fullmatch(name)
        if not match:
            raise InputError(
                f"its name does not fit the pattern {pattern!r}",
                file=file,
                hint="rename or move it, or list the files in a `table`",
            )
        other = long.fullmatch(name).groupdict()
        if other != match.groupdict():
            raise InputError(
                f"its name fits the pattern {pattern!r} in more than one way: "
                f"{_reading(match.groupdict())}, or {_reading(other)}",
                file=file,
                hint="rename it, or list the files in a `table`",
            )
        return other

    return read, _suffix(pattern).lower()


def _expression(pattern, more):
    suffix = _suffix(pattern)
    stem = pattern.removesuffix(suffix)
    parts = [
        f"(?P<{part[1:-1]}>[^/]{more})" if part.startswith("{") else re.escape(part)
        for part in re.split(r"({\w+})", stem)
    ]
    return re.compile("".join(parts) + f"(?i:{re.escape(suffix)})")


def _suffix(pattern):
    suffix = PurePosixPath(pattern).suffix
    return "" if "{" in suffix else suffix


def _reading(fields):
    return " ".join(f"{key}={value!r}" for key, value in fields.items())
