"""Networks that others trained or wrote: mlGeNN's checkpoints, NIR graphs, NetX files."""
