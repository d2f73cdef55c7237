"""Adam (Kingma & Ba 2015)."""

import numpy as np


class Adam:
    """Moments of every weight array; the first step is bias-corrected to exactly lr · sign.

    epsilon is relative to gradients dL/dw.
    """

    def __init__(self, weights, epsilon, beta1=0.9, beta2=0.999):
        self.epsilon, self.beta1, self.beta2 = epsilon, beta1, beta2
        self.steps = 0
        self.mean = [np.zeros_like(w) for w in weights]
        self.square = [np.zeros_like(w) for w in weights]

    def update(self, weights, gradients, learning_rate):
        self.steps += 1
        s1 = 1 / (1 - self.beta1**self.steps)
        s2 = 1 / (1 - self.beta2**self.steps)
        for w, g, m, v in zip(weights, gradients, self.mean, self.square, strict=True):
            m += np.float32(1 - self.beta1) * (g - m)
            v += np.float32(1 - self.beta2) * (g * g - v)
            w -= (
                np.float32(learning_rate * s1)
                * m
                / (np.sqrt(v * np.float32(s2)) + np.float32(self.epsilon))
            )
