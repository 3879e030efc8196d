"""A network at the coarse resolution, after EDSR (Lim et al. 2017): no batch normalisation, pixel shuffle."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from lstsr_jax.models.equivariant import Channels, OrientedConv
from lstsr_jax.models.layers import Dtype
from lstsr_jax.ops.blocks import depth_to_space, space_to_depth


def _conv(
    features: int,
    name: str,
    dtype: Dtype | None,
    equivariant: bool,
    *,
    reads: Channels = "oriented",
    writes: Channels = "oriented",
    factor: int = 4,
    zero: bool = False,
) -> Callable[[jax.Array], jax.Array]:
    """A 3x3 convolution, plain or with its weights tied under the flips and rotations."""
    if equivariant:
        return OrientedConv(features, reads, writes, factor, dtype, zero, name=name)
    start = nn.initializers.zeros if zero else nn.linear.default_kernel_init
    return nn.Conv(features, (3, 3), padding=1, dtype=dtype, kernel_init=start, name=name)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, plus the input."""

    features: int
    dtype: Dtype | None = None
    equivariant: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, h, w, features)`` -> the same shape."""
        y = nn.relu(_conv(self.features, "conv1", self.dtype, self.equivariant)(x))
        # Starts as the identity, which keeps deep stacks without normalisation trainable.
        return x + _conv(self.features, "conv2", self.dtype, self.equivariant, zero=True)(y)


class EDSR(nn.Module):
    """Residual blocks at the coarse resolution; fine inputs come in by pixel unshuffle, the residual out by shuffle.

    The last convolution starts at zero, so an untrained network returns its input. 0.6 M parameters at 8 blocks of 64.

    Attributes:
        blocks: residual blocks.
        width: channels; a multiple of 8 where it is equivariant.
        factor: fine = coarse x factor.
        dtype: what convolutions compute in; parameters, and the sum with the input keep their own.
        remat: keep only the outputs of the residual blocks for the backward pass and compute the rest anew.
        equivariant: tie the weights under the eight flips and rotations (:mod:`lstsr_jax.models.equivariant`): a turned
            input gives the turned output, so that one run is its own self-ensemble; an eighth of the parameters.
    """

    blocks: int = 8
    width: int = 64
    factor: int = 4
    dtype: Dtype | None = None
    remat: bool = False
    equivariant: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """``(B, H, W, C_in)`` normalised ILR (first channel) -> ``(B, H, W, 1)``; any H and W.

        Sides that are no multiple of the factor are padded by their edge and cropped again.
        """
        del train  # no layer behaves differently in training
        height, width = x.shape[1:3]
        pad = ((0, 0), (0, -height % self.factor), (0, -width % self.factor), (0, 0))
        level = space_to_depth(jnp.pad(x, pad, mode="edge"), self.factor)
        tied, factor = self.equivariant, self.factor
        level = head = _conv(self.width, "head", self.dtype, tied, reads="fine", factor=factor)(level)
        residual_block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        for block in range(1, self.blocks + 1):
            level = residual_block(self.width, self.dtype, tied, name=f"block{block}")(level)
        level = head + _conv(self.width, "tail", self.dtype, tied)(level)
        residual = _conv(factor**2, "output", x.dtype, tied, writes="fine", factor=factor, zero=True)(level)
        return x[..., :1] + depth_to_space(residual, factor)[:, :height, :width]
