"""What every script of the workflow does at its two ends: parse arguments, report errors."""

import argparse
import json
import re
import sys
from pathlib import Path

from spikespeech.errors import InputError


def _listed(word):
    """Return the words that `@/dev/fd/N` stands for, one a line; any other word is itself.

    Rules pass long lists and long JSON so (`@<(…)`): Linux takes no argument of
    more than 131,071 bytes, and no more than 2 MB of them.
    """
    if not re.fullmatch(r"@/dev/fd/\d+", word):
        return [word]
    text = Path(word[1:]).read_text(encoding="utf-8", errors="surrogateescape")
    return [line for line in text.split("\n") if line]


class _Parser(argparse.ArgumentParser):
    def parse_known_args(self, args=None, namespace=None):
        """Take a word with a slash for a path though it begins with a dash: no option has one."""
        given = sys.argv[1:] if args is None else map(str, args)
        words = [word for text in given for word in _listed(text)]
        named = [
            f"./{word}" if word.startswith("-") and "/" in word.partition("=")[0] else word
            for word in words
        ]
        return super().parse_known_args(named, namespace)


def parser(description):
    """Return an argument parser whose help shows the script's docstring and all defaults."""
    return _Parser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def json_argument(text):
    """Parse a JSON argument, as the rules pass their settings."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error


def run(main, arguments):
    """Call `main(arguments)`; an error that the user can fix ends in one line and status 1."""
    try:
        main(arguments)
    except InputError as error:
        sys.exit(f"error: {error}")
    except MemoryError as error:
        sys.exit(f"error: out of memory{': ' * bool(error.args)}{error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}")
