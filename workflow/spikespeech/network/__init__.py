"""What a network is: its populations and connections, its parameters, and the file of both."""

from spikespeech.network.file import about, load, save
from spikespeech.network.model import Connection, Network, Population
from spikespeech.network.neurons import LI, LIF, AdaptiveLIF, Learned
from spikespeech.network.parameters import Parameters

__all__ = [
    "LI",
    "LIF",
    "AdaptiveLIF",
    "Connection",
    "Learned",
    "Network",
    "Parameters",
    "Population",
    "about",
    "load",
    "save",
]
