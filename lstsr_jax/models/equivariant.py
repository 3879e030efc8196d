"""Convolutions that turn with their input: weights tied under the eight flips and rotations of a square.

Group-equivariant convolutions (Cohen and Welling 2016) of 3x3 pixels at the coarse resolution. Channels are of one of
two kinds, each of which a flip or rotation brings into another order:

- *oriented*: ``8 n`` channels, n for each orientation of :data:`lstsr_jax.ops.dihedral.ORIENTATIONS`;
- *fine*: ``f*f*C`` channels, the pixels of C fine fields within a coarse one (:func:`space_to_depth`).
"""

from functools import cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lstsr_jax.models.layers import Dtype
from lstsr_jax.ops.dihedral import ORIENTATIONS, transform

Channels = Literal["oriented", "fine"]


@cache
def _after() -> np.ndarray:
    """``after[g, h]``: the orientation that orientation h and then g come to, (8, 8)."""
    image = np.arange(4).reshape(2, 2, 1)
    names = {transform(image, g).tobytes(): g for g in ORIENTATIONS}
    return np.array([[names[transform(transform(image, h), g).tobytes()] for h in ORIENTATIONS] for g in ORIENTATIONS])


@cache
def oriented_order(channels: int) -> np.ndarray:
    """Where each oriented channel comes from, by orientation of the input, ``(8, channels)``."""
    after, fields = _after(), np.arange(channels).reshape(len(ORIENTATIONS), -1)
    return np.array([fields[np.argsort(after[g])].ravel() for g in ORIENTATIONS])


@cache
def fine_order(factor: int, fields: int) -> np.ndarray:
    """Where each fine channel comes from, by orientation of the input, ``(8, f*f*fields)``."""
    block = np.arange(factor * factor * fields).reshape(factor, factor, fields)
    return np.array([transform(block, g).ravel() for g in ORIENTATIONS])


def _turned(kernel: jax.Array, orientation: int) -> jax.Array:
    """``(3, 3, C, n)`` in another orientation."""
    return transform(kernel.reshape(*kernel.shape[:2], -1), orientation).reshape(kernel.shape)


class OrientedConv(nn.Module):
    """3x3 convolution whose output turns with its input; zero padding.

    Its parameters are those of one orientation of an oriented side, an eighth of a plain convolution's; the others are
    the same weights turned.

    Attributes:
        features: output channels; a multiple of 8 where the output is oriented.
        reads: kind of the input's channels.
        writes: kind of the output's channels; one of both is ``oriented``.
        factor: f, of fine channels.
        dtype: what to compute in; that of the input by default.
        zero: start at zero.
    """

    features: int
    reads: Channels = "oriented"
    writes: Channels = "oriented"
    factor: int = 4
    dtype: Dtype | None = None
    zero: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, h, w, C)`` -> ``(B, h, w, features)``."""
        channels, group = x.shape[-1], len(ORIENTATIONS)
        # As a plain convolution starts: with variance 1 / (inputs of an output).
        start = nn.initializers.zeros if self.zero else nn.initializers.normal(1 / np.sqrt(9 * channels))
        if self.writes == "oriented":
            order = oriented_order(channels) if self.reads == "oriented" else self._fine_order(channels)
            kernel: Any = self.param("kernel", start, (3, 3, channels, self.features // group))
            bias: Any = self.param("bias", nn.initializers.zeros, (self.features // group,))
            whole = jnp.concatenate([_turned(kernel[:, :, order[g]], g) for g in ORIENTATIONS], axis=-1)
            offset = jnp.tile(bias, group)
        else:
            order = self._fine_order(self.features)
            kernel = self.param("kernel", start, (3, 3, channels // group, self.features))
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            whole = jnp.concatenate([_turned(kernel[..., order[g]], g) for g in ORIENTATIONS], axis=-2)
            offset = bias[order].mean(0)
        dtype = self.dtype or x.dtype
        numbers = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(
            x.astype(dtype), whole.astype(dtype), (1, 1), ((1, 1), (1, 1)), dimension_numbers=numbers
        )
        return y + offset.astype(dtype).reshape(1, 1, 1, -1)

    def _fine_order(self, channels: int) -> np.ndarray:
        return fine_order(self.factor, channels // self.factor**2)
