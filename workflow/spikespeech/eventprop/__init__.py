"""The native EventProp engine.

EventProp (Wunderlich & Pehle 2021) follows a spiking network's spikes forward in time and its
adjoint variables backward, with jumps at the spikes, to the exact gradient. The layers of this
package, lower first, on what `spikespeech.kernels` provides:

`constants`             a layer's decay factors
`forward`, `backward`   hidden layer: dynamics, adjoint, gradient
`readout`, `outputs`    windowed read-outs in closed form; simulated outputs
`example`               one example through all of them
`engine`                batches over threads, with results that no number of threads changes
`adam`                  the optimiser
`api`, `backend`        what other rooms call
"""

from spikespeech.eventprop.api import Gradients, Regulariser, Simulation, gradients, simulate
from spikespeech.eventprop.backend import Backend, Outcome, compile_kernels

__all__ = [
    "Backend",
    "Gradients",
    "Outcome",
    "Regulariser",
    "Simulation",
    "compile_kernels",
    "gradients",
    "simulate",
]
