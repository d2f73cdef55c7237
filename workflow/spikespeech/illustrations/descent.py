"""Gradient descent on a loss of two parameters, and the chain rule checked by autodiff.

Illustrations for the thesis's account of backpropagation (Eq 12-18); training uses none of them.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TwoUnits:
    """A network of two hidden units, y(x) = Σ_i a_i exp(-(x - θ_i)² / 2), fitted to a teacher.

    Only the units' biases θ = (θ_1, θ_2) are learned. Because the output weights `a` differ,
    units that settle on each other's place are in a local minimum: wrong, but every small step
    makes it worse.

    Attributes
    ----------
    x : (n,) inputs
    output_weights : (2,) fixed weights a
    teacher : (2,) the biases that made the targets
    """

    x: np.ndarray
    output_weights: np.ndarray
    teacher: np.ndarray

    def predict(self, theta):
        """Return y (..., n) for parameters theta (..., 2)."""
        return np.einsum("i,...in->...n", self.output_weights, self._units(theta))

    def _units(self, theta):
        return np.exp(-((self.x - np.asarray(theta)[..., None]) ** 2) / 2)

    def loss(self, theta):
        """Return the mean squared error (...,) of parameters (..., 2): Eq 12 of the thesis."""
        return np.mean((self.predict(theta) - self.predict(self.teacher)) ** 2, axis=-1)

    def gradient(self, theta):
        """Return dLoss/dθ (..., 2)."""
        error = self.predict(theta) - self.predict(self.teacher)
        slope = (self.x - np.asarray(theta)[..., None]) * self._units(theta)
        return self.output_weights * 2 * np.mean(error[..., None, :] * slope, axis=-1)

    def curvature(self, theta, step=1e-4):
        """Return the Hessian (2, 2) at theta, by central differences of the gradient."""
        shifts = step * np.eye(2)
        return (self.gradient(theta + shifts) - self.gradient(theta - shifts)) / (2 * step)


EXAMPLE = TwoUnits(np.linspace(-5, 5, 41), np.array([1.0, 0.6]), np.array([-1.5, 1.5]))
"""The network whose loss the report draws."""


def descend(gradient, start, learning_rate, steps):
    """Follow θ <- θ - η dL/dθ, Eq 18 of the thesis; return the path (steps + 1, ...)."""
    path = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        path.append(path[-1] - learning_rate * gradient(path[-1]))
    return np.array(path)


@dataclass(frozen=True)
class Dual:
    """A number and its derivative: forward-mode automatic differentiation, exact to rounding.

    NumPy arrays of dual numbers multiply as matrices with `@`, so a network differentiates
    itself without any rule for the gradient of a matrix product.
    """

    value: float
    slope: float = 0.0

    def __add__(self, other):
        other = _dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other):
        return self + _dual(other) * -1.0

    def __mul__(self, other):
        other = _dual(other)
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    __radd__, __rmul__ = __add__, __mul__


def _dual(number):
    return number if isinstance(number, Dual) else Dual(float(number))


def derivative(function, array):
    """Return d function / d array for a function of an array of Dual to one Dual."""
    result = np.zeros(array.shape)
    for entry in np.ndindex(array.shape):
        duals = np.array([Dual(float(a)) for a in array.flat], dtype=object).reshape(array.shape)
        duals[entry] = Dual(float(array[entry]), 1.0)
        result[entry] = function(duals).slope
    return result


def linear_network_loss(x, W_xh, W_hy, y_label):
    """Return Eq 12 and 14 of the thesis for y = (x W_xh) W_hy; x (1, 3), W (3, 6) and (6, 3)."""
    error = (x @ W_xh) @ W_hy - y_label
    return (error * error).sum() * (1 / error.size)


def chain_rule(x, W_xh, W_hy, y_label):
    """Return (dL/dW_xh, dL/dW_hy) by Eq 16-17 of the thesis with the transposes they lack.

    The thesis prints dL/dW_hy = dL/dy · h and dL/dW_xh = dL/dy · W_hy · x. With its row vectors
    the factors do not fit; the products that exist and are right are
    dL/dW_hy = hᵀ · dL/dy and dL/dW_xh = xᵀ · (dL/dy · W_hyᵀ).
    """
    h = x @ W_xh
    dL_dy = 2 * (h @ W_hy - y_label) / y_label.size
    return x.T @ (dL_dy @ W_hy.T), h.T @ dL_dy


def relative_error(computed, exact):
    """Return the largest deviation of arrays of one shape, relative to the largest entry."""
    return float(np.abs(np.subtract(computed, exact)).max() / np.abs(exact).max())
