"""Loihi 2: the NetX file, weights as integers, the chip's arithmetic."""
