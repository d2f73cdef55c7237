"""From sound to spikes: recordings, synthetic speech, the cochlea model."""
