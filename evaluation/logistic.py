"""Fit a logistic regression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE = 1.0
"""Penalty on the squared weights of standardised features."""
STEPS, TOLERANCE = 100, 1e-8
"""Largest number of steps of Newton's method, and the change of weights below which it stops."""
MOST_ODDS = 30.0
"""Log-odds are limited to this value, so that their exponential does not overflow."""


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """A fitted model: a weight for each feature, (features,), and a bias; both are log-odds."""

    weights: Floats
    bias: float

    def probabilities(self, features: Floats) -> Floats:
        """Return the probability of each row of `features` (rows, features); shape (rows,)."""
        return _probabilities(features @ self.weights + self.bias)


def logistic_regression(rows: Floats, right: Floats, counts: Floats) -> LogisticRegression:
    """Fit a logistic regression by Newton's method, with a ridge penalty on the weights.

    `rows` has shape (n, features); `right` (n,) is 1 for a positive row, else 0; `counts` (n,) are
    the weights of the rows.
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    penalty = np.full(scaled.shape[1], RIDGE)
    penalty[-1] = 0.0
    weights = np.zeros(scaled.shape[1])
    for _ in range(STEPS):
        likely = _probabilities(scaled @ weights)
        slope = scaled.T @ (counts * (likely - right)) + penalty * weights
        curve = (scaled.T * (counts * likely * (1 - likely))) @ scaled + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < TOLERANCE:
            break
    plain = weights[:-1] / spread
    return LogisticRegression(plain, float(weights[-1] - plain @ mean))


def _probabilities(odds: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-np.clip(odds, -MOST_ODDS, MOST_ODDS)))
    return found
