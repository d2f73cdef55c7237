"""Gradient descent: learning rates, a local minimum and restarts (thesis, Eq 18 and Fig 11)."""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.illustrations.descent import EXAMPLE, descend
from spikespeech.report import exhibit, plots, prose

START, STEPS = np.array([-2.6, 0.4]), 60
# As fractions of 2 / curvature, above which no minimum holds the descent.
RATES = {"slow": 0.02, "sound": 0.4, "oscillating": 0.97, "unstable": 1.4}
COLORS = dict(zip(RATES, (plots.SKY, plots.BLUE, plots.ORANGE, plots.VERMILLION), strict=True))
RESTARTS, SEED, BOX, PATIENCE = 500, 1, 4.0, 2000
NAMES = {"global": plots.GREEN, "local": plots.VERMILLION, "plateau": plots.GREY}


def stability_limit():
    """Return 2 / λ, with λ the largest curvature at the global minimum."""
    return 2 / np.linalg.eigvalsh(EXAMPLE.curvature(EXAMPLE.teacher)).max()


def paths():
    """Return {rate's name: path (STEPS + 1, 2)} from START."""
    return {
        name: descend(EXAMPLE.gradient, START, fraction * stability_limit(), STEPS)
        for name, fraction in RATES.items()
    }


def restarts():
    """Return (starts, ends), each (RESTARTS, 2), of descents from uniform random starts."""
    starts = np.random.default_rng(SEED).uniform(-BOX, BOX, (RESTARTS, 2))
    rate = RATES["sound"] * stability_limit()
    return starts, descend(EXAMPLE.gradient, starts, rate, PATIENCE)[-1]


def outcomes(ends):
    """Return (n,) names: global minimum, local minimum or a plateau still far from both."""
    local = descend(EXAMPLE.gradient, EXAMPLE.teacher[::-1], 1.0, 1000)[-1]
    near = [np.linalg.norm(ends - minimum, axis=1) < 0.1 for minimum in (EXAMPLE.teacher, local)]
    return np.select(near, ["global", "local"], "plateau")


def numbers(routes, starts, ends):
    """Return one row a step of each learning rate, and one a restart."""
    rows = [
        pd.DataFrame(
            {
                "part": "learning rate",
                "name": name,
                "learning_rate": RATES[name] * stability_limit(),
                "step": np.arange(len(path)),
                "theta_1": path[:, 0],
                "theta_2": path[:, 1],
                "loss": EXAMPLE.loss(path),
            }
        )
        for name, path in routes.items()
    ]
    rows.append(
        pd.DataFrame(
            {
                "part": "restart",
                "name": outcomes(ends),
                "learning_rate": RATES["sound"] * stability_limit(),
                "step": 0,
                "theta_1": starts[:, 0],
                "theta_2": starts[:, 1],
                "loss": EXAMPLE.loss(ends),
            }
        )
    )
    return pd.concat(rows)


@plots.style()
def draw(table):
    """Return the figure: paths, their losses, restarts, and the worth of k restarts."""
    figure, ((map_, curve), (basins, worth)) = plots.subplots(2, 2, height=4.9)
    grid = np.linspace(-BOX, BOX, 121)
    theta = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    for axes in (map_, basins):
        axes.contour(grid, grid, EXAMPLE.loss(theta).T, 12, cmap="Greys_r", linewidths=0.7)
        axes.set(xlabel="$\\theta_1$", ylabel="$\\theta_2$")
        axes.set_aspect("equal")
        axes.grid(False)
    routes = table[table["part"] == "learning rate"]
    for name, rows in routes.groupby("name", sort=False):
        line = {"color": COLORS[name], "linewidth": 1.2}
        map_.plot(rows["theta_1"], rows["theta_2"], ".-", markersize=3, **line)
        label = f"{name}, η = {rows['learning_rate'].iloc[0]:.3g}"
        curve.semilogy(rows["step"], rows["loss"], label=label, **line)
    map_.plot(*START, "o", color=plots.INK)
    map_.annotate("P", START, (-10, 4), textcoords="offset points", fontweight="bold")
    map_.set(title="a  Four learning rates", xlim=(-3.5, 0), ylim=(0, 3.5), yticks=range(4))
    curve.set(title="b  Their losses", xlabel="Step", ylabel="Loss", ylim=(1e-8, 1e6))
    curve.legend(loc="upper right")
    starts = table[table["part"] == "restart"]
    for name, rows in starts.groupby("name"):
        basins.plot(
            rows["theta_1"], rows["theta_2"], ".", markersize=3, color=NAMES[name], label=name
        )
    basins.set(title="c  Where random starts end", xlim=(-BOX, BOX), ylim=(-BOX, BOX))
    basins.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=3, markerscale=2.5, columnspacing=1
    )
    hits = statistics.proportion((starts["name"] == "global").sum(), len(starts))
    k = np.arange(1, 11)
    plots.interval(
        worth, k, *(1 - (1 - p) ** k for p in hits), color=plots.GREEN, marker="o", linestyle="-"
    )
    worth.set(
        title="d  One of k is global",
        xlabel="Restarts k",
        ylabel="Probability",
        ylim=(0, 1.05),
        xticks=k[::3],
    )
    return figure


def findings(table):
    """Return sentences about stability and restarts."""
    routes = table[table["part"] == "learning rate"]
    last = routes.groupby("name", sort=False)["loss"].last()
    starts = table[table["part"] == "restart"]
    hits = statistics.proportion((starts["name"] == "global").sum(), len(starts))
    local = (starts["name"] == "local").mean()
    plateau = (starts["name"] == "plateau").mean()
    local_loss = starts.loc[starts["name"] == "local", "loss"].median()
    misses = (1 - np.array(hits)) ** 5
    return [
        f"A minimum of largest curvature λ holds the descent only if η < 2/λ, here "
        f"{stability_limit():.2f}; after {STEPS} steps the loss is "
        + ", ".join(f"{prose.small(loss)} ({name})" for name, loss in last.items())
        + ".",
        f"Of {len(starts)} random starts {hits.estimate:.1%} reach the global minimum "
        f"(95 % interval {hits.low:.1%} to {hits.high:.1%}), {local:.1%} end in a local one of "
        f"loss {local_loss:.3f} and {plateau:.1%} are still on a plateau after {STEPS} steps.",
        f"Restarts help: all of five starts miss with probability {misses[0]:.1%} "
        f"({misses[2]:.1%} to {misses[1]:.1%}).",
    ]


def main(arguments):
    table = numbers(paths(), *restarts())
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
