"""Spike trains: `SpikeTrains` holds the examples of a data set on a grid of time steps."""

from spikespeech.spikes.trains import SpikeTrains

__all__ = ["SpikeTrains"]
