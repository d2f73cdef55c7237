"""Who computes a training: the native engine, e-prop, mlGeNN."""
