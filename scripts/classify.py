"""Say which word recordings hold: sound → cochlea → spikes → trained network → word.

    python scripts/classify.py weights.h5 word.wav
    python scripts/classify.py weights.h5 recordings/ --fixed-point --figure courses.svg

The network's file says which words it knows, how long a trial is and how sound becomes spikes. A
probability is the softmax of the read-outs: how sure the network is, not how often it is right.
With --fixed-point the same spikes also run through the network in Loihi's 8-bit integers.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, eventprop, files, fixed_point, losses, network, netx
from spikespeech.backends import native
from spikespeech.data import folders
from spikespeech.deployment import evaluation, examples, inputs
from spikespeech.errors import InputError
from spikespeech.network import axes
from spikespeech.report import fonts, plots
from spikespeech.sound import cochlea, recordings
from spikespeech.sound import files as sounds
from spikespeech.spikes import SpikeTrains

BITS = 8  # of integer weights
MOST_DRAWN = 12  # recordings of a figure
N_NAMED = 4  # words of a panel that have a colour


def find(paths):
    """Return the recordings among `paths`; of a folder all within it, in the order of names."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(f for f in folders.walk(path) if f.suffix.lower() in folders.READ)
            if not inside:
                raise InputError(f"has no files {', '.join(folders.READ)}", file=path)
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InputError("does not exist", file=path)
    return found


def known(path, window=None):
    """Return (classes, steps, how) that the network in `path` says it was trained with.

    `how` recordings become spikes is as `cochlea.encode` takes it; `window`, where given, stands
    for the file's. Raises InputError where one is missing.
    """
    data = network.about(path).get("data")
    if not isinstance(data, dict):
        raise InputError("does not say what data it was trained on", file=path, hint=axes.HINT)
    window = window or data["window"]
    if window is None:
        raise InputError(
            "does not say how recordings become the spikes that it was trained on",
            file=path,
            hint="if by the cochlea model of SHD, name the window: --window ramps, or hann",
        )
    how = {"window": window, "pre_emphasis": data.get("pre_emphasis", 0.0)}
    return tuple(data["classes"]), data["steps"], how


def encode(paths, net, classes, *, n_steps, how, seed):
    """Return the SpikeTrains of recordings; their labels are unknown: 0.

    A recording's spikes depend on its sound and the seed alone.
    """
    times, units = [], []
    for path in paths:
        recording = recordings.Recording((), str(path), 0, -1, lambda path=path: sounds.read(path))
        [(seconds, channels)] = recordings.encode_all(
            [recording], seed=seed, n_channels=net.n_inputs, **how
        )
        inside = seconds < n_steps * net.dt_ms / 1e3
        late = f"{100 * np.mean(~inside):.1f} % of its spikes lie after {n_steps * net.dt_ms:g} ms"
        if inside.mean() < 0.5:
            raise InputError(
                f"{late}, a trial of the network",
                file=path,
                hint="cut away what comes before and after the word",
            )
        if not inside.all():
            print(f"{path}: {late}, the trial's end, and are cut off")
        times.append(seconds[inside] * 1e3)
        units.append(channels[inside])
    return SpikeTrains.from_arrays(
        times,
        units,
        np.zeros(len(paths), int),
        n_units=net.n_inputs,
        n_steps=n_steps,
        dt_ms=net.dt_ms,
        classes=classes,
    )


def course(loss, spikes, voltage):
    """Return what the read-outs are by each step (n, n_steps, n_outputs) of output voltages.

    Of first spikes, which have no course, it is the voltage.
    """
    if loss.kind == "max":
        return np.maximum.accumulate(np.maximum(voltage, 0), axis=1)
    if loss.kind == "first_spike":
        return voltage
    window = loss.windows(spikes)[0] if loss.kind == "window" else np.ones((1, spikes.n_steps))
    return np.cumsum(window[:, :, None] * voltage, axis=1) / spikes.n_steps


def in_floats(net, weights, loss, spikes):
    """Return the network's read-outs (n, n_outputs) and their course."""
    readouts = native.Backend(net, weights, loss).evaluate(spikes).readouts
    voltage = eventprop.simulate(net, weights, spikes, record=("output_v",)).output_v
    return readouts, course(loss, spikes, voltage)


def in_integers(net, weights, loss, spikes, **grid):
    """Return read-outs and their course of the network in integers, see `examples.grid`.

    The recordings themselves say how much room the output's voltage needs.
    """
    quantised = netx.fit(net, weights, calibration=spikes, long_delays="clip", **grid)
    windows = loss.windows(spikes)[0] if loss.kind == "window" else None
    unit = quantised.lsb[-1]
    readouts = evaluation.evaluate(
        quantised.layers, inputs.binary(spikes), loss, windows, output_lsb=unit
    ).readouts
    states = fixed_point.simulate(
        quantised.layers, spikes, record=("v",), record_layers=(len(quantised.layers) - 1,)
    )
    return readouts, course(loss, spikes, states.v[-1] * (unit / 64))


def probabilities(readouts):
    """Return the softmax of read-outs (n, n_outputs)."""
    shares = np.exp(readouts - readouts.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def tabulate(paths, classes, readouts, integers=None):
    """Return a row a recording: file, word, probability, second, second_probability.

    `readouts` (n, n_outputs); those of the `integers`, where given, add fixed_point, the word by
    them.
    """
    rows = []
    for i, share in enumerate(probabilities(readouts)):
        first, second = np.argsort(-share, kind="stable")[:2]
        row = {
            "file": str(paths[i]),
            "word": classes[first],
            "probability": share[first],
            "second": classes[second],
            "second_probability": share[second],
        }
        if integers is not None:
            row["fixed_point"] = classes[integers[i].argmax()]
        rows.append(row)
    return pd.DataFrame(rows)


@plots.style()
def draw(table, classes, courses, dt_ms, integers=None):
    """Return the figure: for each recording the course of its read-outs.

    The words with the largest read-outs are named; those of the `integers` are dotted.
    """
    n = len(table)
    figure, panels = plots.subplots(n, height=0.4 + 1.7 * n, sharex=True, squeeze=False)
    names = plots.short(classes)
    for i, panel in enumerate(panels[:, 0]):
        time = np.arange(courses.shape[1]) * dt_ms
        named = np.argsort(-courses[i, -1], kind="stable")[:N_NAMED]
        panel.plot(time, courses[i], color=plots.FAINT, linewidth=0.6, alpha=0.6)
        for unit, color in zip(named, plots.CYCLE, strict=False):
            panel.plot(time, courses[i, :, unit], color=color, label=names[unit])
            if integers is not None:
                panel.plot(time, integers[i, :, unit], color=color, linestyle=":")
        row = table.iloc[i]
        title = f"{Path(row['file']).name}: “{row['word']}”, {100 * row['probability']:.0f} %"
        if integers is not None:
            title += f"; in integers, dotted, “{row['fixed_point']}”"
        panel.set_title(plots.literal(title))
        panel.set(ylabel="Read-out", xlim=(0, time[-1]))
        panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1.03))
    panels[-1, 0].set_xlabel("Time (ms)")
    return figure


def sentence(row):
    """Return what a row of the table says."""
    said = f"{row['file']}: “{row['word']}”, {100 * row['probability']:.0f} %"
    said += f"; then “{row['second']}”, {100 * row['second_probability']:.0f} %"
    return said + (f"; in integers “{row['fixed_point']}”" if "fixed_point" in row else "")


def main(arguments):
    """Print which word each recording holds; write the figure."""
    net, weights = network.load(arguments.network)
    _, settings = axes.of_weights(arguments.network)
    classes, n_steps, how = known(arguments.network, arguments.window)
    paths = find(arguments.recordings)
    spikes = encode(paths, net, classes, n_steps=n_steps, how=how, seed=arguments.seed)
    loss = losses.make(**settings["loss"], n_steps=n_steps, dt_ms=net.dt_ms)
    readouts, courses = in_floats(net, weights, loss, spikes)
    integer_readouts = integer_courses = None
    if arguments.fixed_point:
        grid = examples.grid(arguments.network, BITS)
        integer_readouts, integer_courses = in_integers(net, weights, loss, spikes, **grid)
    table = tabulate(paths, classes, readouts, integer_readouts)
    for row in table.to_dict("records"):
        print(sentence(row))
    if arguments.table:
        files.write_csv(arguments.table, table)
    if arguments.figure:
        figure = draw(table[:MOST_DRAWN], classes, courses, net.dt_ms, integer_courses)
        for line in fonts.advice(plots.save(figure, arguments.figure)):
            print(line)
        if len(table) > MOST_DRAWN:
            print(f"{arguments.figure}: of the first {MOST_DRAWN} recordings of {len(table)}")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("network", type=Path, help="weights.h5 of a trained network")
    parser.add_argument("recordings", type=Path, nargs="+", help="WAV or FLAC, or folders of them")
    parser.add_argument("--fixed-point", action="store_true", help="in integers, too")
    parser.add_argument("--figure", help="course of the read-outs: SVG to write; a PNG beside it")
    parser.add_argument("--table", help="what is printed, as CSV to write")
    parser.add_argument(
        "--window",
        choices=list(cochlea.WINDOWS),
        help="by which recordings enter the cochlea, instead of what the network says",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the cochlea's nerve fibres")
    command.run(main, parser.parse_args())
