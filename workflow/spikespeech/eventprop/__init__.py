"""The native EventProp engine."""

from spikespeech.eventprop.api import Backend, Outcome, Regulariser, gradients, simulate

__all__ = ["Backend", "Outcome", "Regulariser", "gradients", "simulate"]
