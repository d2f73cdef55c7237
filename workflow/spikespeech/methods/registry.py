"""The training methods that are compared side by side, by name."""

from typing import NamedTuple

TIME, COUNTS = "spikes in time", "counts of spikes"
"""What a method's classifier sees: no ranking of methods goes across the two."""


class Method(NamedTuple):
    """One method.

    Attributes
    ----------
    label : its name in figures
    script : of its trainings, in `scripts/methods/`
    sees : what its classifier sees, TIME or COUNTS
    tries : the settings whose values its trials combine
    backend : of its trainings, where they are those of `training.loop`; else ""
    needs : settings of a training that its script reads; those with a backend get all
    also : settings of the comparison that its script reads
    peer : whether its training runs in another interpreter, `peers_python`, through `peer.py`
    without : of `ASKED`, what its networks cannot have
    """

    label: str
    script: str
    sees: str
    tries: tuple
    backend: str = ""
    needs: tuple = ()
    also: tuple = ()
    peer: bool = False
    without: tuple = ()


ASKED = {
    "delays": "delays but fixed ones of the input channels",
    "constants": "constants of the neurons' own",
    "learned": "constants that are learned",
    "connections": "connections that lack synapses",
}
"""What `training` may ask for that not all methods have, as errors say it."""

_RATE, _READOUT = ("learning_rate", "lambda"), ("inverse_penalty",)
_PLAIN = ("delays", "constants", "connections")
_PRESENTED = ("hidden", "epochs", "batch_size", "seed", "augmentation", "delays")

TRAINING_METHODS = {
    "eventprop": Method("EventProp", "gradient.py", TIME, _RATE, "native"),
    "bptt": Method(
        "BPTT with surrogate gradients",
        "gradient.py",
        TIME,
        _RATE,
        "bptt",
        without=("delays", "learned"),
    ),
    "spyx": Method(
        "BPTT with surrogate gradients (Spyx)",
        "spyx.py",
        TIME,
        _RATE[:1],
        "native",
        peer=True,
        without=_PLAIN,
    ),
    "eprop": Method("e-prop", "gradient.py", TIME, _RATE, "eprop", without=("delays", "learned")),
    "stdp": Method(
        *("STDP with a read-out", "stdp.py", TIME, _READOUT),
        needs=(*_PRESENTED, "neuron", "constants", "connections"),
        also=("bins",),
        without=_PLAIN,
    ),
    "untrained": Method(
        *("Untrained layer with a read-out", "untrained.py", TIME),
        *(("input_weight", "inverse_penalty"), "native"),
        also=("bins",),
    ),
    "conversion": Method(
        *("ANN-to-SNN conversion", "conversion.py", COUNTS, ("learning_rate", "penalty")),
        needs=_PRESENTED,
        also=("bins", "steps"),
        without=("delays",),
    ),
    "linear": Method(
        *("Linear read-out, no hidden layer", "linear.py", COUNTS, _READOUT), also=("bins",)
    ),
}
