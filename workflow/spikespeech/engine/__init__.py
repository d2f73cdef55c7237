"""The native EventProp engine, on what `spikespeech.kernels` provides. Lower modules first:

`constants`             a layer's decay factors
`forward`, `backward`   hidden layer: dynamics, adjoint, gradient
`readout`, `outputs`    windowed read-outs in closed form; simulated outputs
`example`               one example through all of them
`batch`                 batches over threads, with results that no number of threads changes
`adam`                  the optimiser
"""
