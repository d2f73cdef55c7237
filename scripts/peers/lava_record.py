"""Run a NetX file in Lava's own fixed-point simulation and record every layer's states.

Runs under a Python that has lava-nc and lava-dl (envs/lava.yaml) and imports nothing of
spikespeech. Recurrent layers with delays, at which lava-dl stops, are made of Lava's processes.
`--runs` is a .npz with `counts` (n_inputs, n_steps) and, optionally, `reset_interval`
and `input_message_bits` as lava-dl's `netx.hdf5.Network` takes them. The output .npz holds u_i,
v_i and s_i (n_steps, n_units) of each layer i and `cpu_seconds`, those of all its processes.
"""

import argparse
import dataclasses
import resource
import sys
import types
import unittest.mock

import numpy as np


def import_lava():
    """Import lava and lava-dl's NetX reader; return the modules that a recording needs.

    lava-nc declares mutable dataclass defaults, which Python 3.11 and later reject unless the
    class is hashable. lava-dl's `netx` imports slayer (for resonate-and-fire neurons) and torch
    (for training in the loop): neither is wanted here, stand-ins serve.
    """
    dataclass = dataclasses.dataclass

    def hashable(cls=None, /, **options):
        options.setdefault("unsafe_hash", True)
        return dataclass(cls, **options)

    dataclasses.dataclass = hashable
    try:
        import lava.magma.compiler.var_model  # noqa: F401
    finally:
        dataclasses.dataclass = dataclass
    for name in ("slayer", "slayer.neuron", "slayer.neuron.rf"):
        sys.modules[f"lava.lib.dl.{name}"] = types.ModuleType(name)
    sys.modules["lava.lib.dl.slayer.neuron.rf"].neuron_params = None
    torch = sys.modules["torch"] = unittest.mock.MagicMock()
    torch.Tensor = type("Tensor", (), {})  # SciPy asks whether arrays are one
    torch.autograd.Function = torch.nn.Module = object
    from lava.lib.dl.netx import hdf5
    from lava.lib.dl.netx.blocks import process
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer
    from lava.proc.monitor.process import Monitor

    give_recurrent_synapses_delays(process)
    return hdf5.Network, RingBuffer, Monitor, RunSteps, Loihi2SimCfg


def give_recurrent_synapses_delays(process):
    """Let recurrent layers have delays of both synapses: a matrix of both, side by side.

    lava-dl's block gives both synapses one matrix, without the exponent of the weights. Lava's
    DelayDense runs each with its own, as the block makes it here; files of one matrix load as ever.

    process : lava-dl's module of blocks
    """
    made, plain = process.RecurrentDense.__init__, process.DelayDenseSynapse

    def make(block, **options):
        n_sources, delay = options["weight"].shape[1], options.get("delay")
        if delay is None or delay.shape[1] == n_sources:
            return made(block, **options)
        parts = iter(np.split(delay.astype(int), [n_sources], axis=1))
        exponent = options["weight_exponent"]

        def synapse(**given):
            return plain(**given | {"delays": next(parts), "weight_exp": exponent})

        with unittest.mock.patch.object(process, "DelayDenseSynapse", synapse):
            return made(block, **options)

    process.RecurrentDense.__init__ = make


def record(netx, counts, reset_interval=None, input_message_bits=0, states=True):
    """Simulate `counts` (n_inputs, n_steps); return {"u_0": (n_steps, n_units), …}
    and the CPU time of the simulation.

    `states=False` records nothing, for a fair measurement of time: monitors are slow.
    """
    network_class, ring_buffer, monitor_class, run_steps, configuration = import_lava()
    steps = counts.shape[1]
    network = network_class(
        net_config=str(netx), reset_interval=reset_interval, input_message_bits=input_message_bits
    )
    source = ring_buffer(data=counts.astype(np.int32))
    source.s_out.connect(network.inp)
    monitors = {}
    for i, layer in enumerate(network.layers if states else ()):
        neuron = layer.neuron
        for name, variable in (("u", neuron.u), ("v", neuron.v), ("s", neuron.s_out)):
            monitors[f"{name}_{i}"] = monitor = monitor_class()
            monitor.probe(variable, steps)
    before = cpu_seconds()
    try:
        network.run(
            condition=run_steps(num_steps=steps),
            run_cfg=configuration(select_tag="fixed_pt"),
        )
        recorded = {
            key: next(iter(next(iter(monitor.get_data().values())).values())).astype(np.int64)
            for key, monitor in monitors.items()
        }
    finally:
        network.stop()
    return {**recorded, "cpu_seconds": np.float64(cpu_seconds() - before)}


def cpu_seconds():
    """Return the CPU time of this process and of its finished children, which Lava runs in."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main(arguments):
    runs = np.load(arguments.runs)
    interval = int(runs["reset_interval"]) if "reset_interval" in runs else -1
    bits = int(runs["input_message_bits"]) if "input_message_bits" in runs else 0
    recorded = record(
        arguments.netx,
        runs["counts"],
        None if interval < 0 else interval,
        bits,
        states=not arguments.time_only,
    )
    np.savez_compressed(arguments.out, **recorded)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--netx", required=True, help="NetX file")
    parser.add_argument("--runs", required=True, help=".npz with the input")
    parser.add_argument("--out", required=True, help=".npz for the recorded states")
    parser.add_argument("--time-only", action="store_true", help="record no states")
    main(parser.parse_args())
