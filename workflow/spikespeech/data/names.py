"""Names of words and speakers: one spelling for each, in any script, and one number for a name."""

import hashlib
import re
import unicodedata

from spikespeech.errors import InputError

HEXADECIMAL = re.compile(r"[0-9a-f]{8}")
"""What Speech Commands, and so SSC, calls its speakers."""


def composed(name):
    """Return text whose accents are one character with their letter (NFC): macOS parts them."""
    return unicodedata.normalize("NFC", name)


def normal(name):
    """Return `name` as it is compared and written: composed, without blanks at its ends."""
    return composed(name).strip()


def text(name, what, **where):
    """Return a name, text or bytes in UTF-8, in its normal form.

    Raises InputError, which calls it `what`, where it is no UTF-8, empty or not of one line.
    """
    if isinstance(name, bytes):
        try:
            name = name.decode()
        except UnicodeDecodeError:
            raise InputError(
                f"the name of {what} is {bytes(name)!r}, which is not UTF-8",
                hint="write it in UTF-8",
                **where,
            ) from None
    kept = normal(str(name))
    if not kept or any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in kept):
        raise InputError(
            f"the name of {what} is {name!r}",
            hint="name it in plain text of one line",
            **where,
        )
    return kept


def distinct(names, what, **where):
    """Return the names in their normal form as a tuple; raise InputError where two are one.

    Parameters
    ----------
    names : sequence of text, or of bytes in UTF-8
    what : they name, in the singular
    """
    kept = tuple(text(name, f"{what} {k}", **where) for k, name in enumerate(names))
    first = {}
    for k, name in enumerate(kept):
        if first.setdefault(name, k) != k:
            raise InputError(
                f"{what} {first[name]} and {what} {k} are both called {name!r}",
                hint="give each a name of its own",
                **where,
            )
    return kept


def number(name):
    """Return the number of a speaker who is known by name: the same one in every file.

    Eight hexadecimal digits, as in Speech Commands, are a number themselves; of other names it is
    a digest of 48 bits, above all of those.
    """
    if HEXADECIMAL.fullmatch(name):
        return int(name, 16)
    return 2**32 + int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest())
