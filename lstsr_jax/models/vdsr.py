"""VDSR (Kim, Lee and Lee 2016, arXiv:1511.04587), a rival in Nguyen et al. 2022, Table I."""

import functools

import jax
from flax import linen as nn

from lstsr_jax.models.layers import Dtype

_KEPT_EVERY = 4
"""Convolutions from one activation that is kept to the next, with `remat`."""


_he = nn.initializers.he_normal()


class VDSR(nn.Module):
    """Very deep super-resolution: a plain stack of 3x3 convolutions that predicts what interpolation lost.

    Convolutions without bias, zero padding, ReLU between them, no normalisation; the input is added to the
    output. 664,704 parameters at depth 20, width 64 and one input channel. The last convolution starts at
    zero, so an untrained network returns its input; the others start as He et al. (2015), which keeps the
    scale through the ReLUs.

    Attributes:
        depth: convolutions in all, the first and the last included (20 in the paper).
        width: channels between them.
        axis_name: accepted so that all networks are made alike; there are no batch statistics to reduce.
        dtype: what convolutions compute in; parameters, and the sum with the input keep their own.
        remat: keep only every fourth activation for the backward pass and compute the rest anew.
    """

    depth: int = 20
    width: int = 64
    axis_name: str | None = None
    dtype: Dtype | None = None
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """``(B, H, W, C_in)`` normalised ILR (first channel) -> ``(B, H, W, 1)``; any H and W.

        ``train`` changes nothing.
        """
        del train
        level, zeros = x, nn.initializers.zeros
        for first in range(1, self.depth, _KEPT_EVERY):
            numbers = range(first, min(first + _KEPT_EVERY, self.depth))
            convolve = functools.partial(VDSR._convolve, numbers=numbers)
            level = (nn.remat(convolve) if self.remat else convolve)(self, level)
        output = nn.Conv(1, (3, 3), padding=1, use_bias=False, dtype=x.dtype, kernel_init=zeros, name="output")
        return x[..., :1] + output(level)

    def _convolve(self, level: jax.Array, numbers: range) -> jax.Array:
        """The convolutions of these numbers, one after the other."""
        for i in numbers:
            conv = nn.Conv(
                self.width, (3, 3), padding=1, use_bias=False, dtype=self.dtype, kernel_init=_he, name=f"conv{i}"
            )
            level = nn.relu(conv(level))
        return level
