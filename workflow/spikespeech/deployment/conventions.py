"""How events may become the input of a NetX network: names alone, which a plan reads quickly."""

INPUTS = {
    "binary": "at most one spike a step, steps count from t = 0 (as in training)",
    "counts": "the number of events in each step, from t = 0",
    "aligned": "at most one spike a step, steps count from the first event",
    "graded": "the number of events in each step, from the first event, without the last, "
    "incomplete step (tonic's ToFrame, as Shoesmith et al. 2025 feed Lava)",
}
"""Conventions by which events become the input of a NetX network."""
