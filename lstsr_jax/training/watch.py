"""The errors of an epoch, read so late that the host never waits for the device."""

from collections import deque
from typing import Any

import jax
import numpy as np

from lstsr_jax.training.step import Metrics

_LAG = 8  # steps; also how far the host may run ahead of the device


class NotFiniteError(Exception):
    """A loss or gradient that is not finite.

    Attributes:
        index: number of the step within the epoch, from 0.
    """

    def __init__(self, index: int) -> None:
        """At step ``index`` of the epoch."""
        super().__init__(index)
        self.index = index


class Watch:
    """Collects what the steps of an epoch return.

    Attributes:
        errors: the mean squared errors of the epoch's steps so far in K^2, as far as they were read.
    """

    def __init__(self, errors: list[float]) -> None:
        """Go on from the errors of the epoch's first steps."""
        self.errors = list(errors)
        self._pending: deque[Metrics] = deque()
        self._asked = np.zeros(2, np.int32)

    def add(self, metrics: Metrics) -> None:
        """Take the metrics of the next step and read those of an older one.

        Raises:
            NotFiniteError: if the older step's loss or gradient is not finite.
        """
        for value in jax.tree.leaves(metrics):
            value.copy_to_host_async()
        self._pending.append(metrics)
        if len(self._pending) > _LAG:
            self._read()

    def settle(self) -> None:
        """Read all there is: waits for the device.

        Raises:
            NotFiniteError: if a loss or gradient is not finite.
        """
        while self._pending:
            self._read()

    def take_requests(self) -> np.ndarray:
        """What any process asked for in the steps read since the last call: to save, to stop."""
        asked, self._asked = self._asked, np.zeros(2, np.int32)
        return asked

    def mean(self) -> float:
        """Mean squared error of the epoch in K^2."""
        return float(np.mean(self.errors))

    def _read(self) -> None:
        metrics: dict[str, Any] = jax.device_get(self._pending.popleft())
        if not np.isfinite([metrics["loss"], metrics["gradient_norm"]]).all():
            raise NotFiniteError(len(self.errors))
        self.errors.append(float(metrics["mse"]))
        self._asked = np.maximum(self._asked, metrics.get("requests", 0))
