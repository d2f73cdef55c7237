"""What every script of the workflow does at its two ends: parse arguments, report errors."""

import argparse
import json
import sys

from spikespeech.errors import InputError


class _Parser(argparse.ArgumentParser):
    def parse_known_args(self, args=None, namespace=None):
        """Take a word with a slash for a path though it begins with a dash: no option has one."""
        words = sys.argv[1:] if args is None else map(str, args)
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
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}")
