"""Bagged regression trees with a linear model in every leaf: the regression of DMS (Gao, Kustas and Anderson 2012).

numpy and scikit-learn, which comes with the extra ``dms``.
"""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.errors import InputError

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor

_ROWS = 1 << 20  # predicted at a time
_RIDGE = 1e-3  # of a leaf's mean variance, so that a predictor without variance gets no slope
Array = NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class LinearTree:
    """A regression tree whose leaves hold linear models; arrays are indexed by scikit-learn's number of the leaf.

    Attributes:
        tree: says which leaf a sample falls into.
        slopes: ``(nodes, C)``, K per unit of the predictor.
        offset: ``(nodes,)``, K.
        lowest: ``(nodes,)``, K: no prediction of the leaf is below.
        highest: ``(nodes,)``, K, likewise.
    """

    tree: "DecisionTreeRegressor"
    slopes: Array
    offset: Array
    lowest: Array
    highest: Array

    def predict(self, x: Array) -> Array:
        """Value at each row of ``x``, ``(m, C)`` float32, in K."""
        leaf = self.tree.apply(x, check_input=False)
        value: Array = self.offset[leaf]
        for slope, column in zip(self.slopes.T, x.T, strict=True):
            value += slope[leaf] * column
        return np.clip(value, self.lowest[leaf], self.highest[leaf], out=value)


@dataclasses.dataclass(frozen=True, eq=False)
class BaggedTrees:
    """The mean of several :class:`LinearTree`."""

    trees: tuple[LinearTree, ...]

    def predict(self, x: Array) -> Array:
        """Value at each row of ``x``, ``(m, C)``, in K."""
        x = np.ascontiguousarray(x, np.float32)
        value = np.empty(len(x))
        for rows in _slices(len(x)):
            value[rows] = sum(tree.predict(x[rows]) for tree in self.trees) / len(self.trees)
        return value


def require_sklearn() -> None:
    """Raise unless scikit-learn can be imported.

    Raises:
        InputError: with the remedy.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise InputError("dms: needs scikit-learn; run pip install 'lstsr-jax[dms]'") from None


def fit_trees(
    x: Array,
    y: Array,
    weight: Array,
    *,
    trees: int,
    leaves: int,
    leaf_samples: int,
    extrapolation: float,
    penalty: float,
    seed: int,
) -> BaggedTrees:
    """Grow trees on bootstrap samples, and fit a linear model to all samples that fall into a leaf.

    Args:
        x: predictors ``(n, C)``.
        y: ``(n,)`` in K.
        weight: of the samples ``(n,)``, in growing and in the linear models.
        trees: how many.
        leaves: the most that a tree may have.
        leaf_samples: the fewest that a leaf may hold.
        extrapolation: how far a prediction may lie beyond the values of its leaf, as a share of their range.
        penalty: of squared slopes, against the leaf's sum of squared errors in K^2, weights of mean one.
        seed: of the bootstrap.
    """
    from sklearn.ensemble import RandomForestRegressor

    x, weight = np.ascontiguousarray(x, np.float32), weight / weight.mean()
    # Trying every predictor at every split, a random forest is bagged trees. BaggingRegressor will not do: that of
    # scikit-learn 1.6 hands the weights to the trees, that of 1.9 draws by them.
    forest = RandomForestRegressor(
        trees, max_features=1.0, max_leaf_nodes=leaves, min_samples_leaf=leaf_samples, random_state=seed, n_jobs=1
    )
    forest.fit(x, y, sample_weight=weight)
    return BaggedTrees(tuple(_linear(tree, x, y, weight, extrapolation, penalty) for tree in forest.estimators_))


def _linear(
    tree: "DecisionTreeRegressor", x: Array, y: Array, weight: Array, extrapolation: float, penalty: float
) -> LinearTree:
    """Weighted ridge regression in each leaf, its predictions kept near the leaf's own values."""
    leaf, nodes, channels = tree.apply(x, check_input=False), tree.tree_.node_count, x.shape[1]

    def total(values: Array) -> Array:
        return np.bincount(leaf, weight * values, nodes)

    mass = np.maximum(total(np.ones(len(y))), np.finfo(float).tiny)
    level = total(y) / mass
    centre = np.stack([total(column) for column in x.T], -1) / mass[:, None]
    dx, dy = x - centre[leaf], y - level[leaf]
    covariance = np.empty((nodes, channels, channels))
    for i in range(channels):
        for j in range(channels):
            covariance[:, i, j] = (total(dx[:, i] * dx[:, j]) + penalty * (i == j)) / mass
    towards = np.stack([total(dx[:, i] * dy) / mass for i in range(channels)], -1)
    # In units of each predictor's standard deviation in the leaf, the penalty counted in.
    scale = np.sqrt(np.einsum("nii->ni", covariance))
    scale = np.where(scale > 1e-6 * np.abs(centre), scale, np.inf)
    relative = covariance / (scale[:, :, None] * scale[:, None, :]) + _RIDGE * np.eye(channels)
    slopes = np.linalg.solve(relative, (towards / scale)[..., None])[..., 0] / scale
    lowest, highest = np.full(nodes, np.inf), np.full(nodes, -np.inf)
    np.minimum.at(lowest, leaf, y)
    np.maximum.at(highest, leaf, y)
    margin = extrapolation * np.where(highest >= lowest, highest - lowest, 0.0)
    return LinearTree(tree, slopes, level - (slopes * centre).sum(-1), lowest - margin, highest + margin)


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, count, _ROWS))
