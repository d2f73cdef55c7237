"""The native EventProp engine, on what `spikespeech.kernels` provides. Lower modules first:

`tape`                  the spikes of a layer
`adam`                  the optimiser
`synapses`              currents forward; gradients and feedback backward
`listed`                connections that lack most synapses, by lists of those that there are
`delays`                connections with delays: currents of spikes that arrive later
`near`, `own_delays`    delays of synapses within a layer, a stretch of steps at a time
`delay_gradients`       gradients of connections with delays, and their feedback
`planes`                what those gradients' sums become at the end of a batch
`values`, `adaptive`    constants as kernels load them; what adaptive thresholds add to `lif`
`lif`                   a layer of LIF neurons or leaky integrators: constants, forward, adjoint
`constants`             constants that are learned: gradients from a layer's adjoint, steps
`readout`, `outputs`    windowed read-outs in closed form; simulated outputs
`arrays`, `presented`   what kernels work on; a batch of spikes, looked at
`example`               one example through layer after layer, and back
`dealing`               how a batch is dealt to shares, and work to threads
`rewiring`              which synapses make room for others after a batch
`batch`                 batches over threads, with results that no number of threads changes
"""
