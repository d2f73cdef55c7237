"""The training methods that are compared side by side, by name."""

from typing import NamedTuple


class Method(NamedTuple):
    """One method.

    Attributes
    ----------
    label : its name in figures
    script : of its trainings, in `scripts/methods/`
    tries : the setting whose values its trials have
    backend : of its trainings, where they are those of `training.loop`; else ""
    peer : whether its training runs in another interpreter, `peers_python`, through `peer.py`
    """

    label: str
    script: str
    tries: str = "learning_rate"
    backend: str = ""
    peer: bool = False


TRAINING_METHODS = {
    "eventprop": Method("EventProp", "eventprop.py", backend="native"),
    "bptt": Method("BPTT with surrogate gradients", "bptt.py", peer=True),
    "eprop": Method("e-prop", "eventprop.py", backend="eprop"),
    "conversion": Method("ANN-to-SNN conversion", "conversion.py"),
    "stdp": Method("STDP with a read-out", "stdp.py", tries="penalty"),
}
