"""A network at the coarse resolution, after EDSR (Lim et al. 2017): no batch normalisation, pixel shuffle."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from lstsr_jax.models.layers import Dtype
from lstsr_jax.ops.blocks import depth_to_space, space_to_depth


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, plus the input."""

    features: int
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, h, w, features)`` -> the same shape."""
        y = nn.relu(nn.Conv(self.features, (3, 3), padding=1, dtype=self.dtype, name="conv1")(x))
        # Starts as the identity, which keeps deep stacks without normalisation trainable.
        zeros = nn.initializers.zeros
        return x + nn.Conv(self.features, (3, 3), padding=1, dtype=self.dtype, kernel_init=zeros, name="conv2")(y)


class EDSR(nn.Module):
    """Residual blocks at the coarse resolution; fine inputs come in by pixel unshuffle, the residual out by shuffle.

    The last convolution starts at zero, so an untrained network returns its input. 0.6 M parameters at 8 blocks of 64.

    Attributes:
        blocks: residual blocks.
        width: channels.
        factor: fine = coarse x factor.
        dtype: what convolutions compute in; parameters, and the sum with the input keep their own.
        remat: keep only the outputs of the residual blocks for the backward pass and compute the rest anew.
    """

    blocks: int = 8
    width: int = 64
    factor: int = 4
    dtype: Dtype | None = None
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """``(B, H, W, C_in)`` normalised ILR (first channel) -> ``(B, H, W, 1)``; any H and W.

        Sides that are no multiple of the factor are padded by their edge and cropped again.
        """
        del train  # no layer behaves differently in training
        height, width = x.shape[1:3]
        pad = ((0, 0), (0, -height % self.factor), (0, -width % self.factor), (0, 0))
        level = space_to_depth(jnp.pad(x, pad, mode="edge"), self.factor)
        level = head = nn.Conv(self.width, (3, 3), padding=1, dtype=self.dtype, name="head")(level)
        residual_block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        for block in range(1, self.blocks + 1):
            level = residual_block(self.width, self.dtype, name=f"block{block}")(level)
        level = head + nn.Conv(self.width, (3, 3), padding=1, dtype=self.dtype, name="tail")(level)
        zeros, channels = nn.initializers.zeros, self.factor**2
        residual = nn.Conv(channels, (3, 3), padding=1, dtype=x.dtype, kernel_init=zeros, name="output")(level)
        return x[..., :1] + depth_to_space(residual, self.factor)[:, :height, :width]
