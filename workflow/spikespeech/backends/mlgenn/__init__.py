"""Training through mlGeNN 2.4 and PyGeNN 5.4: the second backend that `training` drives.

`Backend` does what that of `backends.native` does, with the same arrays, through mlGeNN's
EventPropCompiler on a GPU or, to check it, on a CPU. Where they must differ:

- Updates come one batch late. mlGeNN runs the backward pass of a batch during the forward pass
  of the next one, which therefore still uses the old weights, and propagates the batch's errors
  through weights that are one update newer than those of its forward pass.
- With a batch size above 1 the regulariser compares the *batch's mean* spike count of a neuron
  with its target; the native engine compares each example's.
- Learned delays, of synapses alone, are rounded anew at each spike. A batch's errors run back by
  delays that are one update newer than those by which its spikes went forward: by other whole steps
  where the update moved a delay across a half.
- A batch of fewer than `batch_size` examples is filled with silent ones, as mlGeNN does, and its
  gradient is the sum over its examples divided by `batch_size`.
- mlGeNN does not guard 1/(I - V) of spikes that barely reach the threshold, nor skip a batch
  whose gradient is not finite: `training` stops when the weights no longer are.
- On a GPU sums are made in no fixed order: the last bits of a result vary between runs.

mlGeNN's known defects are kept out. Every trial ends with two quiet steps (`extension`),
so that spikes at its end neither leak into the next example nor erase a gradient; every epoch
ends with an empty batch, so that its last batch is learned from; Adam's first step is corrected
as the first; no neuron's ring of spike times can overflow; and a time step too small for mlGeNN's
matching of spike times is an InputError.

mlGeNN's gradients are dLoss/dw / tau_mem_output for losses of voltage and dLoss/dw for first
spikes; Adam's epsilon and the regulariser's strengths are relative to them. Its slopes of delays
are a ms; their Adam has the native backend's epsilon, for mlGeNN's would swallow them.
"""

from spikespeech.backends.mlgenn.backend import Backend

__all__ = ["Backend"]
