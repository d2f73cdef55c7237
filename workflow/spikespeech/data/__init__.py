"""Data sets: which there are, where they come from, events in SHD's HDF5 layout."""
