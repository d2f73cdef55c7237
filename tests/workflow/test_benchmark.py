"""The benchmark of the engine, on work small enough for a test."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/benchmark/benchmark_engine.py"


def test_benchmark_lists_the_engine_and_its_peers(tmp_path):
    out = tmp_path / "engine.csv"
    size = {"hidden": "16", "steps": "60", "examples": "2", "repeats": "1"}
    options = [word for key, value in size.items() for word in (f"--{key}", value)]
    subprocess.run(
        [
            sys.executable,
            SCRIPT,
            *options,
            "--delays",
            "9",
            "--peers",
            sys.executable,
            "--out",
            out,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    table = pd.read_csv(out)
    engine = table[table.implementation == "engine"]
    assert list(engine.threads) == [1, 2]
    assert (engine[["forward_ms", "total_ms", "bound_ms"]] > 0).all().all()
    assert engine.times_the_engine.iloc[0] == pytest.approx(1)
    assert (engine.spikes_a_neuron > 0).all()
    delayed = table[table.implementation.str.startswith("engine, ")]
    assert [name.split(", ", 1)[1] for name in delayed.implementation] == [
        *(
            f"delays a {shape}, {of} to 9"
            for shape in ("block", "synapse")
            for of in ("inputs", "inputs and recurrent")
        ),
        *(f"every tenth block, delays a {shape} to 9" for shape in ("block", "synapse")),
    ]
    assert (delayed[["forward_ms", "total_ms", "times_the_engine"]] > 0).all().all()
    peers = table[~table.implementation.str.startswith("engine")]
    assert [name.split(":")[0] for name in peers.implementation] == [
        *("spyx", "snntorch", "norse", "mlgenn")
    ]
