"""An error that the user can fix."""

import difflib
import unicodedata


class InputError(Exception):
    """Bad input: names what is wrong, where, and a hint at how to fix it.

    Scripts print it as one line and exit with status 1 (`spikespeech.command.run`).

    Parameters
    ----------
    problem : what is wrong, with the offending value.
    file : the file it was found in.
    example : index or key of the example within the file.
    hint : what the user can do about it.
    """

    def __init__(self, problem, *, file=None, example=None, hint=None):
        self.problem, self.file, self.example, self.hint = problem, file, example, hint
        where = "".join(
            [
                f"{file}: " if file is not None else "",
                f"example {example}: " if example is not None else "",
            ]
        )
        super().__init__(printable(f"{where}{problem}" + (f" ({hint})" if hint else "")))


def printable(text):
    """Return `text` as one line: control characters and bytes that are no UTF-8 are escaped."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs")
        else character
        for character in text
    )


def nearest(word, known):
    """Return a hint at the known word nearest to `word`."""
    known = [str(k) for k in known]
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"
