"""EventProp of given weights: simulate spike trains, and take exact gradients.

EventProp (Wunderlich & Pehle 2021) follows a spiking network's spikes forward in time and its
adjoint variables backward, with jumps at the spikes, to the exact gradient. `spikespeech.engine`
computes; `spikespeech.backends.native` trains with it.
"""

from spikespeech.eventprop.api import Gradients, Regulariser, Simulation, gradients, simulate

__all__ = ["Gradients", "Regulariser", "Simulation", "gradients", "simulate"]
