"""The membrane, its ions and channels, and the forces on them (thesis, Fig 2)."""

import numpy as np
import pandas as pd
from matplotlib.patches import Circle, FancyArrow, Rectangle

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.report import exhibit, plots, prose

REST = -65.0
COLORS = {"Na+": plots.VERMILLION, "K+": plots.BLUE, "Cl-": plots.GREEN}
SYMBOLS = {"Na+": "Na$^+$", "K+": "K$^+$", "Cl-": "Cl$^-$"}
USED = {"Na+": neurons.SODIUM, "K+": neurons.POTASSIUM}


def tabulate():
    """Return one row an ion: concentrations, Nernst potential, driving force and current at rest.

    The current is that of the Hodgkin-Huxley neuron's channel, with the reversal potential of the
    illustration; positive is outward. Chloride has no channel of its own there.
    """
    m, h, n = neurons.resting_gates(REST)
    open_share = {"Na+": m**3 * h, "K+": n**4}
    rows = []
    for ion, (outside, inside, charge) in neurons.IONS.items():
        balance = neurons.nernst(outside, inside, charge)
        row = {"ion": ion, "charge": charge, "outside_mM": outside, "inside_mM": inside}
        row |= {"nernst_mV": balance, "nernst_37C_mV": neurons.nernst(outside, inside, charge, 37)}
        if ion in USED:
            conductance, reversal = USED[ion]
            current = conductance * open_share[ion] * (REST - reversal)
            row |= {"reversal_used_mV": reversal, "open_share_at_rest": open_share[ion]}
            row |= {"current_at_rest_uA_cm2": current}
        rows.append(row | {"driving_force_at_rest_mV": REST - balance})
    return pd.DataFrame(rows).round(4)


def membrane(axes):
    """Draw the bilayer with a channel for each cation, and ions in proportion to their number."""
    rng = np.random.default_rng(5)
    heads = np.linspace(0.2, 9.8, 33)
    channels = {"Na+": 3.0, "K+": 7.0}
    for x in heads:
        if min(abs(x - c) for c in channels.values()) < 0.55:
            continue
        for y, end in ((0.55, 0.05), (-0.55, -0.05)):
            axes.plot([x, x], [y, end], color=plots.FAINT, linewidth=1)
            axes.add_patch(Circle((x, y), 0.14, color=plots.FAINT))
    for ion, x in channels.items():
        for side in (-0.42, 0.18):
            axes.add_patch(Rectangle((x + side, -0.75), 0.24, 1.5, color=COLORS[ion], alpha=0.5))
    taken = []
    for ion, (outside, inside, _) in neurons.IONS.items():
        for amount, low, high in ((outside, 1.0, 3.1), (inside, -3.1, -1.0)):
            for _ in range(round(amount / 28)):
                for _ in range(200):
                    place = rng.uniform((0.2, low), (9.8, high))
                    near = (np.hypot(*(place - other)) < 0.42 for other in taken)
                    if not any(near) and min(abs(place[0] - c) for c in channels.values()) > 0.5:
                        taken.append(place)
                        axes.plot(*place, "o", color=COLORS[ion], markersize=4.5)
                        break
    # Diffusion runs down the concentration, the electric force on a cation into the cell.
    for ion, x in channels.items():
        outside, inside, _ = neurons.IONS[ion]
        down = -1 if outside > inside else 1
        for dx, sign, color in ((-0.2, down, COLORS[ion]), (0.2, -1, plots.INK)):
            axes.add_patch(
                FancyArrow(
                    x + dx,
                    -1.0 * sign,
                    0,
                    2.0 * sign,
                    width=0.05,
                    head_width=0.26,
                    head_length=0.3,
                    length_includes_head=True,
                    color=color,
                )
            )
        axes.text(x, 3.25, f"{SYMBOLS[ion]} channel", ha="center", va="bottom", fontsize=8)
    axes.text(0, 3.9, "outside", fontweight="bold", va="bottom")
    axes.text(0, -3.4, f"inside, at rest {REST:g} mV".replace("-", "−"), va="top")
    axes.set(xlim=(0, 10), ylim=(-3.9, 4.4), aspect="equal")
    axes.axis("off")


@plots.style()
def draw(table):
    """Return the figure: the membrane above, where each ion would come to rest below."""
    figure, (above, below) = plots.subplots(2, 1, height=5.6, height_ratios=[3, 1])
    membrane(above)
    for ion in table["ion"]:
        above.plot([], [], "o", color=COLORS[ion], label=SYMBOLS[ion])
    figure.legend(loc="outside upper center", ncols=3)
    for place, row in enumerate(table.itertuples()):
        color = COLORS[row.ion]
        below.plot([REST, row.nernst_mV], [-place] * 2, color=color, linewidth=1.2)
        below.plot(row.nernst_mV, -place, "o", color=color)
        used = row.reversal_used_mV
        if np.isfinite(used):
            below.plot(used, -place, "|", color=plots.INK, markersize=11)
    below.axvline(REST, color=plots.INK, linestyle="--", linewidth=1)
    below.text(REST + 1, 0.45, "rest", va="bottom", fontsize=8)
    below.set(
        xlabel="Voltage at which diffusion and electric force balance (mV)",
        yticks=-np.arange(len(table)),
        yticklabels=[SYMBOLS[ion] for ion in table["ion"]],
        ylim=(-len(table) + 0.5, 0.9),
    )
    below.grid(axis="y", visible=False)
    return figure


def findings(table):
    """Return the balance of each ion beside the constants that the neuron's illustration uses."""
    told = [f"{row.ion} {row.nernst_mV:+.0f} mV" for row in table.itertuples()]
    used = table.dropna(subset="reversal_used_mV")
    constants = [f"{row.reversal_used_mV:+.0f} mV ({row.ion})" for row in used.itertuples()]
    inward = used[used["driving_force_at_rest_mV"] < 0]["ion"]
    outward = used[used["driving_force_at_rest_mV"] > 0]["ion"]
    text = (
        f"By Nernst's equation the forces on an ion balance at {prose.listed(told)}; the "
        f"Hodgkin-Huxley neuron below uses {prose.listed(constants)}. At rest, {REST:g} mV, "
        f"{prose.listed(inward)} is driven inward and {prose.listed(outward)} outward."
    )
    return [text.replace("-", "−").replace("Hodgkin−Huxley", "Hodgkin-Huxley")]


def main(arguments):
    table = tabulate()
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
