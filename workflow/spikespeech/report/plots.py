"""One style for every figure: colours, sizes, intervals, and how a figure is saved.

Colours are Okabe and Ito's (2008), told apart with any colour vision; a loss keeps its colour,
dash and marker in every figure. Figures are narrow (`WIDTH`), so that their 9 point text is
legible when a phone scales them to 360 px.
"""

import contextlib
import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from spikespeech.files import atomic
from spikespeech.report import fonts

WIDTH = 5.2
"""Width of a figure in inches."""

LONGEST = 20
"""Letters of a name on an axis; longer ones are cut, so that they leave room for the figure."""

INK, PAPER, FAINT = "#1b1b1f", "#fffffe", "#8a8a93"
"""Text and axes; background; grid, chance lines. The report swaps ink and paper in dark mode."""

BLUE, ORANGE, GREEN, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, YELLOW, GREY = "#cc79a7", "#56b4e9", "#f0e442", "#7f7f7f"
CYCLE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY)

LOSSES = {
    "sum": (GREY, "-", "o"),
    "sum_exp": (BLUE, "-", "s"),
    "gaussian": (GREEN, "-", "D"),
    "max": (VERMILLION, "--", "^"),
    "first_spike": (PURPLE, "--", "v"),
    "per_timestep": (ORANGE, "--", "P"),
    "linear": (SKY, "-.", "<"),
    "sigmoid": (INK, "-.", ">"),  # yellow is too faint for a line
    "input": (SKY, ":", "X"),
    "table": (ORANGE, ":", "*"),
}
SERIES = {
    "train": (FAINT, ""),
    "validation": (SKY, ""),
    "float": (BLUE, ""),
    "fixed_point": (ORANGE, ""),
    "fixed_point_graded": (YELLOW, ""),
    "lava": (GREEN, ".."),
    "loihi2": (PURPLE, "xx"),
}
"""Colour and hatch of a measurement; those that are published carry a hatch of their own."""

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.35,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "path.simplify": True,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "svg.hashsalt": "spikespeech",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 8,
    "ytick.color": INK,
    "ytick.labelsize": 8,
}


@contextlib.contextmanager
def style():
    """Draw in the project's style; also a decorator of functions that return a figure."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **STYLE}):
        yield


def subplots(rows=1, columns=1, *, height, width=WIDTH, **options):
    """Return (figure, axes) of the project's width; `height` in inches, all rows together."""
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def save(figure, svg_path):
    """Write `figure` as SVG and, beside it, as PNG; equal figures give equal bytes.

    Each file appears whole or not at all. The figure is closed. Returns the letters of its text
    for which no font of this machine has a glyph: they are drawn as boxes.
    """
    svg_path = str(svg_path)
    if not svg_path.endswith(".svg"):
        raise ValueError(f"{svg_path} does not end in .svg")
    png_path = svg_path[:-4] + ".png"
    words = figure.findobj(matplotlib.text.Text)
    found, missing = fonts.find("".join(text.get_text() for text in words))
    for path in found:
        matplotlib.font_manager.fontManager.addfont(path)
    families = [matplotlib.font_manager.get_font(path).family_name for path in found]
    if families:
        for text in words:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    with warnings.catch_warnings(), style(), atomic(svg_path) as svg, atomic(png_path) as png:
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from")  # which the finding says
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, dpi=200)
        figure.set_layout_engine("none")  # it is laid out, which takes as long as drawing it
        figure.savefig(png, format="png", metadata={"Software": None}, dpi=200)
    plt.close(figure)
    return missing


def literal(name):
    """Return what a user named, safe from being set as a formula: dollar signs stay what they are.

    Without it a class called "$5 or $6" ends the figure with an error or loses its dollars.
    """
    return str(name).replace("$", r"\$")


def short(names):
    """Return names for ticks: literal, and of each no more than the beginning."""
    return [
        literal(name if len(name) <= LONGEST else name[: LONGEST - 1].rstrip() + "…")
        for name in map(str, names)
    ]


def loss_line(name):
    """Return the colour, dash and marker of a loss as keywords of `Axes.plot`."""
    color, linestyle, marker = LOSSES.get(name, (INK, "-", "o"))
    return {"color": color, "linestyle": linestyle, "marker": marker}


def series_bar(name):
    """Return the colour and hatch of a measurement as keywords of `Axes.bar`."""
    color, hatch = SERIES[name]
    return {"color": color, "hatch": hatch, "edgecolor": INK, "linewidth": 0.6}


def band(axes, x, middle, low, high, **line):
    """Plot a line with a shaded band; NaN limits leave the band out."""
    (drawn,) = axes.plot(x, middle, **line)
    axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.18, linewidth=0)
    return drawn


def interval(axes, x, middle, low, high, **line):
    """Plot points with vertical intervals [low, high]; NaN limits leave the bars out."""
    middle, low, high = (np.atleast_1d(np.asarray(v, np.float64)) for v in (middle, low, high))
    return axes.errorbar(
        x,
        middle,
        yerr=np.clip(np.nan_to_num([middle - low, high - middle]), 0, None),
        elinewidth=1.1,
        capsize=2.5,
        **line,
    )


def chance(axes, level, *, label=True):
    """Draw the chance level as a dotted line."""
    axes.axhline(level, color=FAINT, linestyle=":", linewidth=1.2, zorder=1)
    if label:
        axes.annotate(
            "chance",
            (1, level),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=7.5,
            color=FAINT,
        )


def raster(axes, times, units, **points):
    """Plot spikes as dots, one row a unit. Dots are an image within the SVG, for its size."""
    axes.plot(
        times,
        units,
        linestyle="none",
        marker=".",
        # Dots as large as their number lets them be told apart.
        markersize=float(np.clip(150 / np.sqrt(max(1, len(times))), 1.4, 4)),
        markeredgewidth=0,
        rasterized=True,
        **points,
    )
    axes.grid(False)
