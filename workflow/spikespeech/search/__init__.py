"""Hyper-parameter search: the space, proposers, studies, trials, what they show."""
