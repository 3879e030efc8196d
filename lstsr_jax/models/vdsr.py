"""VDSR (Kim, Lee and Lee 2016, arXiv:1511.04587), a rival in Nguyen et al. 2022, Table I."""

import jax
from flax import linen as nn


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
    """

    depth: int = 20
    width: int = 64
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """``(B, H, W, C_in)`` normalised ILR (first channel) -> ``(B, H, W, 1)``; any H and W.

        ``train`` changes nothing.
        """
        del train
        level, he = x, nn.initializers.he_normal()
        for i in range(1, self.depth):
            conv = nn.Conv(self.width, (3, 3), padding=1, use_bias=False, kernel_init=he, name=f"conv{i}")
            level = nn.relu(conv(level))
        zeros = nn.initializers.zeros
        residual = nn.Conv(1, (3, 3), padding=1, use_bias=False, kernel_init=zeros, name="output")(level)
        return x[..., :1] + residual
