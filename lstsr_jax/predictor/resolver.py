"""What makes a fine field of a coarse one, whatever it is inside."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SpreadCalibration:
    """What makes an error's standard deviation of the self-ensemble's spread; fitted by ``evaluate(reliability=True)``.

    Attributes:
        floor_k: where the eight orientations agree, K.
        scale: per kelvin of spread.
    """

    floor_k: float
    scale: float

    def sigma(self, spread: np.ndarray) -> np.ndarray:
        """``sqrt(floor^2 + (scale * spread)^2)`` in K, of the same shape."""
        return np.sqrt(np.float32(self.floor_k) ** 2 + np.square(np.float32(self.scale) * spread))
