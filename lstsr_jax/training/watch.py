"""The metrics of the steps, read so late that the host never waits for the device."""

from collections import deque
from collections.abc import Callable

import jax
import numpy as np

from lstsr_jax.training.task import Metrics

_LAG = 8  # steps; also how far the host may run ahead of the device


class Watch:
    """Stops a run whose loss or gradient is not finite, some steps after it happened.

    Attributes:
        mse: the mean squared error of the last step that was read, K^2; NaN before.
    """

    def __init__(self, failure: Callable[[int], Exception]) -> None:
        """Raise ``failure(step)`` for the step, counted from 0, that is not finite."""
        self.mse = float("nan")
        self._failure = failure
        self._pending: deque[tuple[int, Metrics]] = deque()

    def add(self, step: int, metrics: Metrics) -> None:
        """Take the metrics of ``step`` and read those of an older one."""
        for value in jax.tree.leaves(metrics):
            value.copy_to_host_async()
        self._pending.append((step, metrics))
        if len(self._pending) > _LAG:
            self._read()

    def settle(self) -> None:
        """Read all there is: waits for the device."""
        while self._pending:
            self._read()

    def _read(self) -> None:
        step, device_metrics = self._pending.popleft()
        metrics = jax.device_get(device_metrics)
        if not np.isfinite([metrics["loss"], metrics["gradient_norm"]]).all():
            raise self._failure(step)
        self.mse = float(metrics["mse"])
