"""Fonts for names in any script: those installed that have the letters which DejaVu Sans lacks."""

import unicodedata
from pathlib import Path

import matplotlib
from matplotlib import font_manager

BASE = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
"""Comes with Matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and others, on every machine."""

UNSEEN = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn")
"""Unicode's categories of what needs no glyph of its own: spaces, joiners, marks."""


def find(text):
    """Return (paths of fonts, letters that none has) for what of `text` DejaVu Sans lacks.

    Fonts are looked for where the system and the user keep them (for instance ~/.fonts), those
    named "Noto Sans" first, then in order of their names, so that equal machines choose alike.
    """
    lacking = {c for c in set(text) if unicodedata.category(c) not in UNSEEN} - letters(BASE)
    chosen = []
    if lacking:
        installed = {Path(path).name: path for path in sorted(font_manager.findSystemFonts())}
        for name in sorted(installed, key=lambda name: (not name.startswith("NotoSans"), name)):
            has = lacking & letters(installed[name])
            if has:
                chosen.append(installed[name])
                lacking -= has
    return chosen, "".join(sorted(lacking))


def letters(path):
    """Return the characters for which a font has a glyph; none of a font that cannot be drawn."""
    try:
        return {chr(code) for code in font_manager.get_font(path).get_charmap()}
    except (OSError, RuntimeError, ValueError):  # bitmaps, as emoji have them, or damaged
        return set()


def advice(missing):
    """Return what to say of letters without a glyph, as a list of one sentence or none."""
    if not missing:
        return []
    return [
        f"No font on this machine has the letters {' '.join(missing)}: boxes stand for them. "
        "Install one that has (the Noto fonts have most scripts) and run again."
    ]
