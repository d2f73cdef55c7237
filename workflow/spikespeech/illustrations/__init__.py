"""Models behind the thesis's figures: neurons, gradient descent."""
