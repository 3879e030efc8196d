"""The Multi-residual U-Net (Nguyen et al. 2022, section III.B and Figure 2)."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from lstsr_jax.models.layers import BatchNorm, Conv3x3, ConvBlock, DoubleConv, Dtype, Norm, StridedConv, TransposedConv

STAGES = 4
_SMALLEST_SIDE = 2 ** (STAGES + 1)  # the bridge's reflect padding needs two pixels


class EncoderStage(nn.Module):
    """Halve the resolution by convolution, one residual unit, then double the channels."""

    features: int
    norm: Norm
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, features/2)`` -> ``(B, H//2, W//2, features)``."""
        channels = x.shape[-1]
        x = StridedConv(channels, self.dtype, name="down")(x)
        x = x + DoubleConv(channels, self.norm, self.dtype, name="residual")(x)
        return ConvBlock(self.features, self.norm, self.dtype, name="widen")(x)


class BridgeBlock(nn.Module):
    """Residual block with reflect padding and no activation after the sum."""

    norm: Norm
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> the same shape; H and W at least 2."""
        y, channels = x, x.shape[-1]
        for i in (1, 2):
            y = jnp.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
            y, bias = Conv3x3(channels, 0, self.dtype, name=f"conv{i}")(y)
            y = self.norm(name=f"norm{i}")(y, bias)
            if i == 1:
                y = nn.relu(y)
        return x + y


class DecoderStage(nn.Module):
    """Double the resolution by transposed convolution and concatenate with the encoder's output of that level."""

    features: int
    norm: Norm
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array, skip: jax.Array) -> jax.Array:
        """``(B, h, w, 2*features)`` and the skip ``(B, H, W, features)`` -> ``(B, H, W, features)``."""
        x = TransposedConv(self.features, self.dtype, name="up")(x)
        rows, columns = skip.shape[1] - x.shape[1], skip.shape[2] - x.shape[2]
        if rows or columns:  # the encoder dropped an odd last row or column: reflect it back, as the authors do
            pad = ((0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
            x = jnp.pad(x, pad, mode="reflect")
        return DoubleConv(self.features, self.norm, self.dtype, name="conv")(jnp.concatenate([skip, x], axis=-1))


class MRUNet(nn.Module):
    """Multi-residual U-Net: the residual that turns an interpolated field into a sharp one, plus that field.

    Input block, four encoder stages with convolutional downsampling, a bridge of residual blocks, four decoder stages
    with skip concatenation, a 1x1 output convolution, plus the input. 45,049,601 parameters at width 64 and one input
    channel. The output convolution starts at zero, so an untrained network returns its input.

    Attributes:
        width: channels of the first level (64 in the paper); doubled at each of the four stages.
        bridge_blocks: residual blocks in the bridge (1 in the paper).
        axis_name: ``pmap`` axis over which batch statistics are reduced.
        dtype: what convolutions compute in; parameters, batch statistics and the sum with the input keep their own.
        remat: keep only the stages' outputs for the backward pass and compute the rest anew.
    """

    width: int = 64
    bridge_blocks: int = 1
    axis_name: str | None = None
    dtype: Dtype | None = None
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """``(B, H, W, C_in)`` normalised ILR (first channel) -> ``(B, H, W, 1)``; any H and W.

        Sides below 32 are padded by their edge and cropped again.
        """
        norm = functools.partial(BatchNorm, use_running_average=not train, axis_name=self.axis_name)
        height, width = x.shape[1:3]
        pad = [max(0, _SMALLEST_SIDE - side) for side in (height, width)]
        level = jnp.pad(x, ((0, 0), (0, pad[0]), (0, pad[1]), (0, 0)), mode="edge") if any(pad) else x

        def stage_of(kind: type[nn.Module]) -> Callable[..., Any]:
            return nn.remat(kind) if self.remat else kind

        encoder, bridge, decoder = stage_of(EncoderStage), stage_of(BridgeBlock), stage_of(DecoderStage)
        level = stage_of(DoubleConv)(self.width, norm, self.dtype, name="input_block")(level)
        skips = []
        for stage in range(1, STAGES + 1):
            skips.append(level)
            level = encoder(self.width * 2**stage, norm, self.dtype, name=f"encoder{stage}")(level)
        for block in range(1, self.bridge_blocks + 1):
            level = bridge(norm, self.dtype, name=f"bridge{block}")(level)
        for stage in range(STAGES, 0, -1):
            features = self.width * 2 ** (stage - 1)
            level = decoder(features, norm, self.dtype, name=f"decoder{stage}")(level, skips.pop())
        output = nn.Conv(1, (1, 1), dtype=x.dtype, kernel_init=nn.initializers.zeros, name="output")
        return x[..., :1] + output(level)[:, :height, :width]
