"""Batches over threads: what the API builds on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spikespeech.engine import adam, arrays, constants, delays, example, listed, planes, readout
from spikespeech.engine.dealing import SHARES, balanced, part, shares
from spikespeech.engine.presented import check_sound, checked_spikes
from spikespeech.errors import InputError
from spikespeech.kernels.vectors import NARROW, aligned, padded
from spikespeech.network import Parameters, sparse
from spikespeech.network.chain import chain

SLOPE_MIN = 1e-3
"""Guard of 1 / (I - V): a smaller I - V of a spike counts as this in the backward pass.

With V below threshold before the spike, I - V > threshold (1/c - 1), where c is the synapse's
`lif.Constants.scale`: 0.10 for τ_syn = 5 ms at dt = 1 ms, where the guard cannot act, and
dt / (2 τ_syn) for small dt. `guarded` counts how often it did.
"""


class Engine:
    """A network, its weights and a loss, ready to run batches.

    Parameters
    ----------
    network : Network, a chain of layers
    weights : Parameters
    loss : Loss
    regulariser : Regulariser or None
    threads : number of threads; results do not depend on it

    Raises InputError for a network that is no chain, and for parameters that do not fit.
    """

    def __init__(self, network, weights, loss, regulariser, threads):
        self.network, self.loss = network, loss
        self.threads = max(1, min(int(threads), SHARES))
        chained = runnable(network)
        self.widths = [padded(layer.population.n) for layer in chained]
        self.connections = [
            [c for c in (layer.incoming, layer.recurrent) if c] for layer in chained
        ]
        # The rows of all sources of a population lie in one array: one is treated as another.
        n_sources = [sum(network[c.source].n for c in into) for into in self.connections]
        self.parameters = tuple(
            aligned(n * width) for n, width in zip(n_sources, self.widths, strict=True)
        )
        self.shares = tuple(aligned((SHARES, p.size)) for p in self.parameters)
        self.gradients = tuple(aligned(p.shape) for p in self.parameters)
        self.earlier = tuple(
            aligned((SHARES, p.size if any(c.learned_delays for c in into) else 0))
            for p, into in zip(self.parameters, self.connections, strict=True)
        )
        # Learned delays, flat and padded as Adam wants them, and their gradients.
        shapes, learned = network.shapes(), [c for c in network.connections if c.learned_delays]
        self.learned_delays, self.delay_gradients = (
            {c.delay: np.zeros(padded(np.prod(shapes[c.delay])), np.float32) for c in learned}
            for _ in range(2)
        )
        self.constants = constants.Held(network, SHARES)
        self.weights = weights
        self.rule = _penalty(regulariser, mlgenn_unit(network, loss))
        self.readout = self._make_readout(*loss.windows(None)) if loss.shared else None
        sizes = [p.n for p in network.hidden]
        longest = [_longest(network, layer.incoming, loss.n_steps) for layer in chained]
        own = [_longest(network, layer.recurrent, loss.n_steps) for layer in chained[:-1]]
        self.late = any(longest + own)
        self.scratch = [
            arrays.scratch(
                *(loss.n_steps, sizes, n_sources[:-1], network.n_outputs, longest, own),
                [delays.kind_of(layer.recurrent) for layer in chained[:-1]],
                [bool(p.learned) for p in network.hidden],
                self.adaptations[0] is not None,
            )
            for _ in range(self.threads)
        ]
        self.pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def _rows(self):
        """Yield (place, connection, first row, row after its last) of each connection's weights."""
        for place, into in enumerate(self.connections):
            start = 0
            for connection in into:
                end = start + self.network[connection.source].n
                yield place, connection, start, end
                start = end

    def named(self, arrays):
        """Return views of flat padded arrays like `parameters` by connection, without padding."""
        return {
            c.name: arrays[place].reshape(-1, self.widths[place])[
                start:end, : self.network[c.target].n
            ]
            for place, c, start, end in self._rows()
        }

    def named_delays(self, arrays):
        """Return views of flat padded arrays like `learned_delays`, in the delays' shapes."""
        shapes = self.network.shapes()
        return {n: a[: np.prod(shapes[n])].reshape(shapes[n]) for n, a in arrays.items()}

    @property
    def weights(self):
        """The Parameters, as a copy."""
        held = self.delays | self.constants.named(self.constants.values)
        return Parameters(self.named(self.parameters) | held).copy()

    @weights.setter
    def weights(self, weights):
        weights = Parameters.checked(self.network, weights)
        for flat in self.parameters:
            flat[:] = 0
        views = self.named(self.parameters)
        learned = self.named_delays(self.learned_delays)
        held = self.constants.named(self.constants.values)
        for name, view in (views | learned | held).items():
            view[:] = weights[name]
        self.delays = {
            name: learned.get(name, array)
            for name, array in weights.items()
            if name not in views and name not in held
        }
        self.absent, self.patterns = {}, {}
        self._take_up(sparse.masks(self.network, weights))
        self.hidden, self.adaptations, self.output = self.constants.of_layers()

    def rewire(self, masks):
        """Give connections as many other synapses, whose weights must be 0 now.

        masks : which there are then, by name of the weights, (source, target) bool
        """
        for c in self.network.connections:
            if c.name in masks:
                self.delays[c.mask] = masks[c.name].astype(np.float32)
        self._take_up(masks)

    def _take_up(self, masks):
        """Note which synapses there are, by name of the weights, and how kernels see them."""
        for place, c, _, _ in self._rows():
            if c.name not in masks:
                continue
            self.absent[c.name] = ~masks[c.name]
            self.patterns.pop(c.name, None)
            if place < len(self.network.hidden):
                late = self._in_planes(place, c)
                pattern = listed.Pattern(masks[c.name], self.widths[place], late)
                if pattern.share < listed.SHARE:
                    self.patterns[c.name] = pattern
        for gradient in self.gradients if self.patterns else ():
            gradient[:] = 0

    @property
    def gradient(self):
        """The gradient of weights, learned delays and learned constants as Parameters."""
        found = self.named(self.gradients) | self.named_delays(self.delay_gradients)
        return Parameters(found | self.constants.named(self.constants.gradients)).copy()

    def _lines(self, pattern, thread):
        """Return the thread's part of a pattern's lines, a slice."""
        return slice(*part(0, len(pattern.cells), thread, self.threads))

    def _lists(self, connection):
        """Return the Lists of a connection or None; None in a network without any."""
        if not self.patterns:
            return None
        pattern = self.patterns.get(connection.name) if connection else None
        return pattern.lists if pattern else listed.none()

    def _packed(self, place, connection, rows):
        """Return the Delays of a connection, of these rows of weights, (n_sources * width,).

        None in a network without any delays, for which kernels are compiled without them.
        """
        network, n_steps = self.network, self.loss.n_steps
        if not _longest(network, connection, n_steps):
            return delays.none() if self.late else None
        rows = rows.reshape(-1, self.widths[place])
        return delays.pack(connection, self.delays[connection.delay], rows, n_steps)

    @property
    def model(self):
        """The network as kernels see it; shares memory with the weights."""
        made, first = [], 0
        for place, population in enumerate(self.network.hidden):
            flat, width = self.parameters[place], self.widths[place]
            into, own = [*self.connections[place], None][:2]
            split = self.network[into.source].n * width
            parts = flat[:split], flat[split:]
            both = list(zip((into, own), parts, strict=True))
            late = [self._packed(place, c, w) for c, w in both]
            lists = [self._lists(c) for c, _ in both]
            held = self.hidden[place], self.adaptations[place]
            made.append(arrays.Layer(*parts, *late, *lists, *held, first, population.n))
            first += population.n
        return arrays.Model(
            tuple(made),
            self.parameters[-1],
            self._packed(-1, self.connections[-1][0], self.parameters[-1]),
            self.output,
            float(self.network.dt_ms),
            np.float32(SLOPE_MIN),
        )

    def run(self, spikes, labels, learn):
        """Run a batch; return arrays.Results, and with `learn` leave the sums in the shares."""
        network, model = self.network, self.model
        batch = checked_spikes(network, spikes, labels, self.loss.n_steps)
        read_out = self.readout or self._make_readout(*self.loss.windows(spikes))
        out = arrays.results(len(spikes), network.n_hidden, network.n_outputs)
        order, first = balanced(np.diff(batch.offsets), shares(len(spikes)))
        queue = np.zeros(1, np.int64)

        def work(thread):
            scratch = self.scratch[thread]
            example.run(
                *(queue, order, first, batch, model, read_out, self.rule, learn),
                *(scratch, out, self.shares, self.earlier, self.constants.shares),
            )

        self._each(work)
        check_sound(out.sound, batch, network, self.loss.n_steps)
        return out

    def mean_gradient(self, n):
        """Leave the mean over n examples in `gradients`; return how many of each are not finite.

        The counts are by name of the weights.
        """
        used, factors = shares(n), []
        for k, width in zip(self.hidden, self.widths, strict=False):
            factors.append(np.full(width, -k.tau_syn / np.float32(n), np.float32))
        factors.append(np.full(self.widths[-1], 1 / n, np.float32))
        rows = list(self._rows())
        bad = np.zeros((self.threads, len(rows)), np.int64)

        def work(thread):
            for at, (place, c, start, end) in enumerate(rows):
                sums, factor = self.shares[place][:used], factors[place]
                gradient = self.gradients[place]
                if pattern := self.patterns.get(c.name):
                    lines = self._lines(pattern, thread)
                    held = pattern.cells[lines], pattern.sums[lines], pattern.mask
                    first = start * self.widths[place]
                    bad[thread, at] = listed.mean_gradient(sums, factor, first, *held, gradient)
                elif self._in_planes(place, c):
                    given = sums, factor, start * self.widths[place], end - start
                    span = part(0, end - start, thread, self.threads)
                    bad[thread, at] = planes.mean_gradient(*given, *span, gradient)
                else:
                    span = part(start, end, thread, self.threads)
                    bad[thread, at] = adam.mean_gradient(sums, factor, *span, gradient)

        self._each(work)
        counts = bad.sum(axis=0).tolist()
        found = {row[1].name: count for row, count in zip(rows, counts, strict=True)}
        found |= self.clear_absent(self.absent.keys() - self.patterns.keys())
        for place, connection, start, end in rows:
            if connection.learned_delays:
                name = connection.delay
                gradient = self._delay_gradient(n, place, connection, start, end)
                self.named_delays(self.delay_gradients)[name][:] = gradient
                found[name] = int(np.count_nonzero(~np.isfinite(gradient)))
        layers = (*self.hidden, self.output), self.adaptations
        return found | self.constants.mean_gradient(n, used, *layers)

    def clear_absent(self, names):
        """Clear gradients of synapses that there are not; return how many others are not finite.

        names : of the weights of connections that lack synapses; the counts are by name, too
        """
        found, gradients = {}, self.named(self.gradients)
        for name in names:
            gradients[name][self.absent[name]] = 0
            found[name] = int(np.count_nonzero(~np.isfinite(gradients[name])))
        return found

    def _in_planes(self, place, connection):
        """Whether the sums of a connection lie in planes, see `planes`."""
        hidden = place < len(self.network.hidden)
        return hidden and _longest(self.network, connection, self.loss.n_steps)

    def _delay_gradient(self, n, place, connection, start, end):
        """Return the gradient of a connection's delays, a step, in their shape.

        start, end : the connection's rows of what the place's `earlier` sums up
        """
        width, rows, dt = self.widths[place], end - start, np.float32(self.network.dt_ms)
        sums, weights = self.earlier[place][: shares(n)], self.parameters[place]
        shape, n_targets = connection.delay_shape, self.network[connection.target].n
        hidden = place < len(self.hidden)
        if hidden and shape != "synapse":
            change = np.empty((rows, -(-n_targets // NARROW)), np.float32)
            given = sums[:, start * width : end * width], dt / np.float32(n)
            self._each(
                lambda n: planes.block_changes(*given, *part(0, rows, n, self.threads), change)
            )
            if pattern := self.patterns.get(connection.name):
                change[~pattern.held[:, : change.shape[1]]] = 0
            return change.sum(axis=1) if shape == "source" else change
        # The sums of hidden layers are γ times what they should be, see `delay_gradients.gather`.
        scale = self.hidden[place].gamma if hidden else np.float32(1)
        factor = np.full(width, dt / scale / np.float32(n), np.float32)
        change = np.empty((rows, width), np.float32)
        lanes = NARROW if self._in_planes(place, connection) else width
        given = sums, factor, weights, start * width, rows, lanes
        self._each(lambda n: planes.changes(*given, *part(0, rows, n, self.threads), change))
        return planes.of_shape(change, shape, n_targets, self.absent.get(connection.name))

    def step(self, mean, square, rate, unbias, epsilon):
        """Take a step of Adam, see `adam.step`; mean and square are tuples like `parameters`."""

        def work(thread):
            for place, c, start, end in self._rows():
                width = self.widths[place]
                held = (a[place] for a in (self.parameters, self.gradients, mean, square))
                given = *held, rate, unbias, epsilon
                if pattern := self.patterns.get(c.name):
                    cells = pattern.cells[self._lines(pattern, thread)]
                    listed.step(*given, start * width, cells)
                else:
                    a, b = part(start, end, thread, self.threads)
                    adam.step(*given, a * width, b * width)

        self._each(work)

    def step_delays(self, mean, square, rate, unbias, epsilon):
        """Take a step of Adam with the learned delays, and keep them within 0 and the longest.

        mean, square : dictionaries like `learned_delays`
        """
        for connection in self.network.connections:
            if connection.learned_delays:
                name = connection.delay
                held = self.learned_delays[name]
                moments = mean[name], square[name]
                adam.step(
                    held, self.delay_gradients[name], *moments, rate, unbias, epsilon, 0, len(held)
                )
                np.clip(held, 0, connection.longest_delay, out=held)

    def step_constants(self, mean, square, rate, unbias, epsilon):
        """Take a step of Adam with the learned constants, see `constants.Held.step`."""
        if self.constants.values:
            self.constants.step(mean, square, rate, unbias, epsilon)
            self.hidden, self.adaptations, self.output = self.constants.of_layers()

    def _each(self, work):
        """Call work(thread) in each thread."""
        others = [self.pool.submit(work, thread) for thread in range(1, self.threads)]
        work(0)
        for other in others:
            other.result()

    def _closed(self):
        """Whether windowed read-outs have their closed form: all output spikes add the same."""
        simulated = self.connections[-1][0].longest_delay or self.network.output.learned
        return self.output.alike and not simulated

    def _make_readout(self, windows, drives):
        """Return the loss as the kernels see it."""
        loss, network = self.loss, self.network
        kind = {
            "window": arrays.CLOSED if self._closed() else arrays.WINDOWED,
            "max": arrays.MAXIMUM,
            "per_timestep": arrays.PER_TIMESTEP,
            "first_spike": arrays.FIRST_SPIKE,
        }[loss.kind]
        windows, drives = (np.ascontiguousarray(w, dtype=np.float64) for w in (windows, drives))
        rho = kappa = delta = np.zeros(windows.shape, np.float32)
        if kind == arrays.CLOSED:
            rho, kappa, delta = readout.response(windows, drives, self.output, float(network.dt_ms))
        parameters = loss.parameters if loss.kind == "first_spike" else {}
        return arrays.Readout(
            kind,
            windows,
            drives,
            rho,
            kappa,
            delta,
            float(loss.smoothing),
            float(parameters.get("temperature", 1)),
            float(parameters.get("alpha", 0)),
        )


def runnable(network):
    """Return the Layers of a network after its inputs.

    Raises InputError for what the engine does not run: anything but a chain of hidden layers and
    outputs that are not connected to themselves.
    """
    found = chain(network)
    if len(found) < 2 or found[-1].recurrent:
        raise InputError("the native engine runs hidden layers, then outputs without recurrence")
    return found


def _longest(network, connection, n_steps):
    """Return the longest delay that the kernels see in steps, at most the trial; 0 for none.

    Inputs that have delays of their own come to the kernels late.
    """
    if connection is None or connection == network.input_delays:
        return 0
    return min(connection.longest_delay, n_steps)


def mlgenn_unit(network, loss):
    """Return what mlGeNN's gradients and adjoints are multiplied by to be those of dL/dw.

    For losses of voltages τ_mem of the outputs, in ms; for first spikes mlGeNN's are dL/dw.
    """
    return 1.0 if loss.kind == "first_spike" else float(np.mean(network.output.neuron.tau_mem))


def _penalty(regulariser, unit):
    if regulariser is None:
        return arrays.Penalty(0.0, 0.0, 0.0)
    upper, lower = unit * regulariser.lambda_upper, unit * regulariser.lambda_lower
    return arrays.Penalty(upper, lower, float(regulariser.spikes))
