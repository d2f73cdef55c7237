"""What kernels are made of: functions that Numba compiles for the user's own CPU.

`compiling` compiles and keeps them; `bits`, `codes` and `vectors` are values that Numba has not:
sets of flags, 16 spikes, a block of neurons.
"""
