"""The script that says which word a recording holds: its words, in floats and integers."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scripts import classify

from spikespeech import eventprop, losses, network
from spikespeech.backends import native
from spikespeech.errors import InputError
from spikespeech.network import LI, Network, Parameters
from spikespeech.reading import read_csv
from spikespeech.spikes import SpikeTrains

SCRIPT = Path(__file__).parents[1] / "scripts/classify.py"
CHANNELS, MIDDLE, STEPS = 70, 40, 400
RATE = 16_000
DATA = {"classes": ["high", "low"], "steps": STEPS, "window": "ramps"}
AXES = {
    **{"dataset": "tones", "fold": "main", "loss": "sum_exp", "hidden": 2},
    **{"topology": "feedforward", "seed": 1},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network, made by hand, that hears whether a sound is high: channel 0 is the highest."""
    net = Network.layered(CHANNELS, 2, 2, recurrent=False)
    into = np.zeros((CHANNELS, 2))
    into[:MIDDLE, 0] = into[MIDDLE:, 1] = 2.0
    weights = Parameters({"input_hidden": into, "hidden_output": np.array([[3, -3], [-3, 3]])})
    path = tmp_path_factory.mktemp("tones") / "weights.h5"
    settings = {"loss": {"name": "sum_exp", "normalise": True}}
    network.save(path, net, weights, about={**AXES, "settings": settings, "data": DATA})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of a low and, in a folder of its own, a high tone."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "more").mkdir()
    time = np.arange(round(0.35 * RATE)) / RATE
    for name, hertz in (("b.wav", 250), ("more/a.flac", 4000)):
        soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * hertz * time), RATE)
    (folder / "notes.txt").write_text("none")
    return folder


def run(*arguments):
    """Run the script; return its exit status and what it printed."""
    finished = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout


def test_each_recording_has_its_word_in_floats_and_integers(trained, folder, tmp_path):
    figure, table = tmp_path / "course.svg", tmp_path / "words.csv"
    status, printed = run(trained, folder, "--fixed-point", "--figure", figure, "--table", table)
    assert status == 0, printed
    found = read_csv(table)
    assert found["file"].tolist() == [str(folder / "b.wav"), str(folder / "more/a.flac")]
    assert found["word"].tolist() == found["fixed_point"].tolist() == ["low", "high"]
    assert (found["probability"] > 0.5).all()
    np.testing.assert_allclose(found["probability"] + found["second_probability"], 1)
    assert f"{folder / 'b.wav'}: “low”, " in printed and " %; then “high”" in printed
    assert figure.read_text().startswith("<?xml") and (tmp_path / "course.png").stat().st_size
    again = tmp_path / "again.csv"
    assert run(trained, folder / "b.wav", "--table", again)[0] == 0
    assert read_csv(again)["probability"][0] == found["probability"][0]


def test_the_course_ends_in_the_read_out():
    rng = np.random.default_rng(0)
    net = Network.layered(9, 5, 3, output=LI(15, 4))
    weights = Parameters.random(
        net, rng, input_hidden=(0.5, 0.3), hidden_hidden=(0, 0.3), hidden_output=(0, 1)
    )
    times = [np.sort(rng.uniform(0, 40, 60)) for _ in range(2)]
    units = [rng.integers(0, 9, 60) for _ in range(2)]
    spikes = SpikeTrains.from_arrays(
        times, units, [0, 1], n_units=9, n_steps=40, classes=list("abc")
    )
    voltage = eventprop.simulate(net, weights, spikes).output_v
    for name in ("sum", "gaussian", "max", "per_timestep", "input"):
        loss = losses.make(name, n_steps=40)
        course = classify.course(loss, spikes, voltage)
        expected = native.Backend(net, weights, loss).evaluate(spikes).readouts
        np.testing.assert_allclose(course[:, -1], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    assert classify.in_integers(net, weights, losses.make("sum", n_steps=40), spikes)[1].shape == (
        (2, 40, 3)
    )


def test_a_network_that_does_not_say_how_it_hears_needs_a_window(trained, folder, tmp_path):
    net, weights = network.load(trained)
    about = network.about(trained)
    deaf = tmp_path / "weights.h5"
    network.save(deaf, net, weights, about=about | {"data": DATA | {"window": None}})
    with pytest.raises(InputError, match="--window ramps, or hann"):
        classify.known(deaf)
    how = {"window": "hann", "pre_emphasis": 0}
    assert classify.known(deaf, "hann") == (("high", "low"), STEPS, how)
    emphasised = DATA | {"pre_emphasis": 0.9}
    network.save(deaf, net, weights, about=about | {"data": emphasised})
    assert classify.known(deaf)[2] == {"window": "ramps", "pre_emphasis": 0.9}
    network.save(deaf, net, weights, about={})
    with pytest.raises(InputError, match="what data it was trained on"):
        classify.known(deaf)


def test_what_is_no_word_is_refused_by_name(trained, tmp_path):
    silence, empty = tmp_path / "silence.wav", tmp_path / "empty"
    soundfile.write(silence, np.zeros(4000), RATE)
    empty.mkdir()
    for path, said in (
        (silence, "silence.wav: is silent"),
        (empty, "empty: has no files .wav, .flac"),
        (tmp_path / "none.wav", "none.wav: does not exist"),
    ):
        status, printed = run(trained, path)
        assert status == 1 and said in printed and printed.count("\n") == 1, printed


def test_a_word_after_the_trial_is_refused(trained, folder, tmp_path):
    sound, _ = soundfile.read(folder / "b.wav")
    soundfile.write(tmp_path / "late.wav", np.concatenate([np.zeros(RATE), sound]), RATE)
    net, _ = network.load(trained)
    encode = functools.partial(
        classify.encode, [tmp_path / "late.wav"], net, ("high", "low"), how={}, seed=1
    )
    with pytest.raises(InputError, match=r"late\.wav: 97.\d % of its spikes lie after 400 ms"):
        encode(n_steps=400)
    assert len(encode(n_steps=1400).steps)


def test_recordings_beside_each_other_do_not_change_each_other(trained, folder, tmp_path):
    net, _ = network.load(trained)
    other = shutil.copy(folder / "b.wav", tmp_path / "copy.wav")
    spikes = classify.encode(
        [folder / "more/a.flac", Path(other), folder / "b.wav"],
        net,
        ("high", "low"),
        n_steps=STEPS,
        how={"window": "ramps"},
        seed=3,
    )
    np.testing.assert_array_equal(spikes.example(1), spikes.example(2))
