"""What a network is: its sizes and constants, its weights, and the file that holds them."""

from spikespeech.network.model import Network, Weights, load, save

__all__ = ["Network", "Weights", "load", "save"]
