"""Layers shared by the networks. Arrays are ``(B, H, W, C)``."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

Norm = Callable[..., nn.Module]

torch_default = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""PyTorch's default for convolution kernels: uniform within 1/sqrt(fan-in)."""


class BatchNorm(nn.Module):
    """Batch normalisation with PyTorch's running statistics, so that imported weights keep behaving when fine-tuned.

    Batches are normalised with the biased variance; the running variance is updated with the unbiased one. With
    ``axis_name`` the statistics are those of the global batch, over all devices of that ``pmap`` axis.

    Attributes:
        use_running_average: normalise with the running statistics (evaluation) instead of the batch's (training).
        axis_name: ``pmap`` axis to reduce over, or None.
        momentum: weight of the new batch in the running statistics (PyTorch's convention).
        epsilon: added to the variance.
    """

    use_running_average: bool
    axis_name: str | None = None
    momentum: float = 0.1
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalise ``(B, H, W, C)`` over all but the channels."""
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,), scale.dtype)
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,), scale.dtype)
        if self.use_running_average:
            mean, var = running_mean.value, running_var.value
        else:
            mean, var, count = self._batch_statistics(x.astype(scale.dtype))
            if not self.is_initializing():
                keep = 1 - self.momentum
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value = keep * running_mean.value + self.momentum * mean
                running_var.value = keep * running_var.value + self.momentum * unbiased
        gain = scale * jax.lax.rsqrt(var + self.epsilon)
        shape = (1,) * (x.ndim - 1) + (channels,)
        return ((x - mean.reshape(shape)) * gain.reshape(shape) + bias.reshape(shape)).astype(x.dtype)

    def _batch_statistics(self, x: jax.Array) -> tuple[jax.Array, jax.Array, int]:
        """Mean and biased variance per channel over the global batch, and the number of values they are over."""
        axes = tuple(range(x.ndim - 1))
        count = x.size // x.shape[-1]
        mean = x.mean(axes)
        if self.axis_name is None or self.is_initializing():
            return mean, jnp.square(x - mean.reshape((1,) * len(axes) + mean.shape)).mean(axes), count
        count *= jax.lax.axis_size(self.axis_name)
        mean = jax.lax.pmean(mean, self.axis_name)
        var = jnp.square(x - mean.reshape((1,) * len(axes) + mean.shape)).mean(axes)
        return mean, jax.lax.pmean(var, self.axis_name), count


class ConvBlock(nn.Module):
    """3x3 convolution, batch normalisation, ReLU (paper, Figure 2)."""

    features: int
    norm: Norm

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, H, W, features)``; zero padding."""
        x = nn.Conv(self.features, (3, 3), padding=1, kernel_init=torch_default, name="conv")(x)
        return nn.relu(self.norm(name="norm")(x))


class DoubleConv(nn.Module):
    """Two :class:`ConvBlock` in a row."""

    features: int
    norm: Norm

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, H, W, features)``."""
        x = ConvBlock(self.features, self.norm, name="block1")(x)
        return ConvBlock(self.features, self.norm, name="block2")(x)


def _halving_params(module: nn.Module, channels: int, features: int) -> tuple[jax.Array, jax.Array]:
    kernel: Any = module.param("kernel", torch_default, (2, 2, channels, features))
    bias: Any = module.param("bias", nn.initializers.zeros, (features,))
    return kernel, bias


class StridedConv(nn.Module):
    """2x2 convolution of stride 2, as a rearrangement and one matrix product.

    The same function and parameters as ``nn.Conv(features, (2, 2), strides=2)``; several times faster on CPU, forward
    and backward, since no strided convolution is left. An odd last row or column is dropped, as PyTorch does.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, H//2, W//2, features)``."""
        batch, height, width, channels = x.shape
        kernel, bias = _halving_params(self, channels, self.features)
        h, w = height // 2, width // 2
        x = x[:, : 2 * h, : 2 * w].reshape(batch, h, 2, w, 2, channels)
        return jnp.einsum("bhiwjc,ijco->bhwo", x, kernel.astype(x.dtype)) + bias.astype(x.dtype).reshape(1, 1, 1, -1)


class TransposedConv(nn.Module):
    """2x2 transposed convolution of stride 2, as one matrix product and a rearrangement.

    The same function as PyTorch's ``ConvTranspose2d(C, features, 2, stride=2)``, with the kernel stored as
    ``(2, 2, C, features)``.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, 2H, 2W, features)``."""
        batch, height, width, channels = x.shape
        kernel, bias = _halving_params(self, channels, self.features)
        x = jnp.einsum("bhwc,ijco->bhiwjo", x, kernel.astype(x.dtype))
        x = x.reshape(batch, 2 * height, 2 * width, self.features)
        return x + bias.astype(x.dtype).reshape(1, 1, 1, -1)
