"""The equations of the networks, their losses and their gradients, and where each is shown."""

import pandas as pd

from spikespeech import command
from spikespeech.report import exhibit, plots

EQUATIONS = (
    (
        "Synapse",
        r"$x_j[t] = \beta\,x_j[t-1] + \sum_i w_{ij}\,S_i[t-1],\quad I_j = c\,x_j$",
        r"$\beta = e^{-\Delta t/\tau_{syn}},\quad c = (\tau_{syn}/\Delta t)\,(1-\beta)$",
        "Shoesmith et al. 2025, Eq 1 (without c)",
        "activity",
    ),
    (
        "Membrane",
        r"$V_j[t] = \alpha\,V_j[t-1] + (1-\alpha)\,I_j[t]$",
        r"$\alpha = e^{-\Delta t/\tau_{mem}}$",
        "Shoesmith et al. 2025, Eq 2",
        "lif",
    ),
    (
        "Spike and reset",
        r"$S_j[t] = \Theta(V_j[t]-\vartheta),\quad "
        r"V_j[t] \leftarrow 0\ \ \mathrm{where}\ S_j[t]=1$",
        r"outputs neither spike nor reset",
        "Shoesmith et al. 2025, Eq 3",
        "lif",
    ),
    (
        "Read-out",
        r"$Y_k = \frac{1}{T}\,\sum_t\,w(t)\,V_k[t]$",
        r"sum: $w=1$;  sum_exp: $w=e^{-t/T}$;  gaussian: $w=e^{-(t/T-\mu)^2/2\sigma^2}$",
        "Nowotny et al. 2025; thesis, Eq 19 (without 1/T)",
        "loss_windows",
    ),
    (
        "Loss",
        r"$L = -\frac{1}{N}\,\sum_n\,\log\,\frac{e^{Y_{l(n)}}}{\sum_k\,e^{Y_k}}$",
        r"$l(n)$: the word of example $n$",
        "Nowotny et al. 2025",
        "loss_study",
    ),
    (
        "Adjoint, between spikes",
        r"$\tau_{mem}\,\lambda_V^{\prime} = -\lambda_V - \partial l/\partial V,"
        r"\quad \tau_{syn}\,\lambda_I^{\prime} = -\lambda_I + \lambda_V$",
        r"the prime is the derivative backward in time;  $l$: loss per time",
        "Wunderlich and Pehl 2021",
        "eventprop",
    ),
    (
        "Adjoint, at a spike of $j$",
        r"$\lambda_{V,j}^{-} = \lambda_{V,j}^{+} + \frac{1}{\tau_{mem}\,\dot{V}_j}\,"
        r"\left[\vartheta\,\lambda_{V,j}^{+} + "
        r"\sum_k\,w_{jk}\,(\lambda_{V,k}^{+}-\lambda_{I,k})\right]$",
        r"$\dot{V}_j$: slope of the voltage before the spike;  $k$: the targets of $j$",
        "Wunderlich and Pehl 2021",
        "gedanken",
    ),
    (
        "Gradient",
        r"$\partial L/\partial w_{ij} = "
        r"-\,\tau_{syn}\,\sum_{\mathrm{spikes\ of}\ i}\,\lambda_{I,j}$",
        r"errors flow at spikes alone",
        "Wunderlich and Pehl 2021",
        "eventprop",
    ),
)
"""Name, equation and explanation as Matplotlib sets them, source, and the exhibit that shows it."""


def tabulate():
    """Return one row an equation: its name, source and the exhibit that shows it."""
    rows = [(name.replace("$", ""), source, shown) for name, _, _, source, shown in EQUATIONS]
    return pd.DataFrame(rows, columns=["equation", "source", "shown_in"])


@plots.style()
def draw():
    """Return the figure: the equations below each other."""
    figure, axes = plots.subplots(height=0.72 * len(EQUATIONS))
    axes.set(xlim=(0, 1), ylim=(-len(EQUATIONS), 0))
    axes.set_axis_off()
    for row, (name, equation, explained, _, _) in enumerate(EQUATIONS):
        axes.text(0, -row - 0.12, name, fontsize=8, fontweight="bold", va="center")
        axes.text(0.03, -row - 0.45, equation, fontsize=10, va="center")
        axes.text(0.03, -row - 0.79, explained, fontsize=7.5, va="center", color=plots.FAINT)
    return figure


def findings():
    """Return what sets this discretisation apart from the printed one."""
    return [
        "Times are in steps of Δt; a spike reaches its targets one step later. The factor c, 0.906 "
        "for 5 ms synapses and 1 ms steps, is mlGeNN's and not in the equations of Shoesmith et "
        "al.: weights of the two conventions differ by it.",
        "The adjoint is written in continuous time; the engine computes that of the discrete "
        "equations above.",
    ]


def main(arguments):
    exhibit.write(arguments, tabulate(), findings(), draw())


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
