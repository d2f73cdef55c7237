"""What every script of the workflow does at its two ends: parse arguments, report errors."""

import argparse
import json
import sys

from spikespeech.errors import InputError


def parser(description):
    """Return an argument parser whose help shows the script's docstring and all defaults."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )


def json_argument(text):
    """Parse a JSON argument, as the rules pass their settings."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error


def run(main, arguments):
    """Call `main(arguments)`; an error that the user can mend ends in one line and status 1."""
    try:
        main(arguments)
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}")
