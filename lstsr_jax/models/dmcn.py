"""DMCN, the deep memory connected network (Xu et al. 2018), a rival in Nguyen et al. 2022, Table I."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from lstsr_jax.models.layers import BatchNorm, Dtype, Norm

_INPUT_CONVS = 5
_SIDE_MULTIPLE = 4  # two halvings
_he = nn.initializers.he_normal()


def _conv3(features: int, dtype: Dtype | None, *, name: str, strides: int = 1, use_bias: bool = False) -> nn.Conv:
    return nn.Conv(features, (3, 3), strides, padding=1, use_bias=use_bias, dtype=dtype, kernel_init=_he, name=name)


def _prelu(name: str) -> nn.PReLU:
    """PReLU with one slope for all channels, starting at PyTorch's 0.25."""
    return nn.PReLU(negative_slope_init=0.25, name=name)


def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """Move channels into space, in PyTorch's order: ``(B, H, W, C*f*f)`` -> ``(B, H*f, W*f, C)``."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, channels // factor**2, factor, factor)
    x = x.transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, height * factor, width * factor, channels // factor**2)


class MemoryBlock(nn.Module):
    """Local memory: convolution, batch normalisation, PReLU [, convolution], plus the input.

    Attributes:
        norm: makes the normalisation layer.
        closing_conv: end with a second convolution, as the decoder's blocks do.
    """

    norm: Norm
    closing_conv: bool = False
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> the same shape."""
        channels = x.shape[-1]
        y = _conv3(channels, self.dtype, use_bias=True, name="conv1")(x)
        y = _prelu("prelu")(self.norm(name="norm")(y))
        if self.closing_conv:
            y = _conv3(channels, self.dtype, use_bias=True, name="conv2")(y)
        return x + y


class MergeUp(nn.Module):
    """Double the resolution by pixel shuffle, concatenate the encoder's output, and choose among the two.

    The skip comes first in the concatenation; the choice is a 1x1 convolution.
    """

    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array, skip: jax.Array) -> jax.Array:
        """``(B, h, w, C)`` and the skip ``(B, 2h, 2w, C)`` -> ``(B, 2h, 2w, C)``."""
        channels = x.shape[-1]
        x = _prelu("prelu")(_conv3(4 * channels, self.dtype, use_bias=True, name="conv")(x))
        x = jnp.concatenate([skip, pixel_shuffle(x, 2)], axis=-1)
        return nn.Conv(channels, (1, 1), use_bias=False, dtype=self.dtype, kernel_init=_he, name="choose")(x)


class DMCN(nn.Module):
    """Deep memory connected network: an hourglass of local memory blocks with concatenated skips.

    Five input convolutions that share one PReLU slope, two halvings (3x3, stride 2) with 5 and 2 memory
    blocks after them, two pixel-shuffle doublings with 2 and 5 after them, an output convolution, plus the
    input. 1,311,953 parameters at width 64 and one input channel. The output convolution starts at zero, so
    an untrained network returns its input.

    Attributes:
        width: channels of every layer.
        axis_name: ``pmap`` axis over which batch statistics are reduced.
        dtype: what convolutions compute in; parameters, batch statistics and the sum with the input keep their own.
        remat: keep only the outputs of memory blocks and doublings after the input convolutions.
    """

    width: int = 64
    axis_name: str | None = None
    dtype: Dtype | None = None
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """``(B, H, W, C_in)`` normalised ILR (first channel) -> ``(B, H, W, 1)``; any H and W.

        Sides that are not multiples of 4 are padded by their edge and cropped again.
        """
        norm = functools.partial(BatchNorm, use_running_average=not train, axis_name=self.axis_name)
        height, width = x.shape[1:3]
        pad = [-side % _SIDE_MULTIPLE for side in (height, width)]
        full = jnp.pad(x, ((0, 0), (0, pad[0]), (0, pad[1]), (0, 0)), mode="edge") if any(pad) else x
        shared = _prelu("prelu")
        for i in range(1, _INPUT_CONVS + 1):
            full = _conv3(self.width, self.dtype, name=f"input{i}")(full)
            full = shared(full if i == 1 else norm(name=f"norm{i}")(full))
        merge_up = nn.remat(MergeUp) if self.remat else MergeUp
        half = self._memory(_conv3(self.width, self.dtype, strides=2, name="down1")(full), norm, 5, "memory1")
        level = self._memory(_conv3(self.width, self.dtype, strides=2, name="down2")(half), norm, 2, "memory2")
        level = self._memory(merge_up(self.dtype, name="up1")(level, half), norm, 2, "memory3", closing_conv=True)
        level = self._memory(merge_up(self.dtype, name="up2")(level, full), norm, 5, "memory4", closing_conv=True)
        zeros = nn.initializers.zeros
        output = nn.Conv(1, (3, 3), padding=1, use_bias=False, dtype=x.dtype, kernel_init=zeros, name="output")
        residual = output(level)
        return x[..., :1] + residual[:, :height, :width]

    def _memory(self, x: jax.Array, norm: Norm, blocks: int, name: str, closing_conv: bool = False) -> jax.Array:
        memory_block = nn.remat(MemoryBlock) if self.remat else MemoryBlock
        for i in range(1, blocks + 1):
            x = memory_block(norm, closing_conv, self.dtype, name=f"{name}_{i}")(x)
        return x
