"""Layers shared by the networks. Arrays are ``(B, H, W, C)``."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

Norm = Callable[..., nn.Module]
Dtype = Any

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
    def __call__(self, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
        """Normalise ``(B, H, W, C)``, or ``x + offset`` with one offset per channel, over all but the channels.

        Normalised by its own statistics a batch is the same with any offset. It is left out there, so that its gradient
        is zero and not the rounding error that Adam would take for one.
        """
        channels = x.shape[-1]
        offset = jnp.zeros((channels,), x.dtype) if offset is None else offset
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,), scale.dtype)
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,), scale.dtype)
        if self.use_running_average:
            mean, var = running_mean.value - offset, running_var.value
        else:
            mean, var, count = self._batch_statistics(x.astype(scale.dtype))
            if not self.is_initializing():
                keep = 1 - self.momentum
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value = keep * running_mean.value + self.momentum * (mean + offset)
                running_var.value = keep * running_var.value + self.momentum * unbiased
        gain = scale * jax.lax.rsqrt(var + self.epsilon)
        shape = (1,) * (x.ndim - 1) + (channels,)
        return ((x - mean.reshape(shape)) * gain.reshape(shape) + bias.reshape(shape)).astype(x.dtype)

    def _batch_statistics(self, x: jax.Array) -> tuple[jax.Array, jax.Array, int]:
        """Mean and biased variance per channel over the global batch, and the number of values they are over."""
        axes = tuple(range(x.ndim - 1))
        count = x.size // x.shape[-1]
        mean = x.mean(axes)
        var = jnp.square(x - mean.reshape((1,) * len(axes) + mean.shape)).mean(axes)
        devices = 1 if self.axis_name is None or self.is_initializing() else jax.lax.axis_size(self.axis_name)
        if devices == 1:
            return mean, var, count
        # Of equal parts, one collective each way: the mean of the variances and the variance of the means (Chan, Golub
        # and LeVeque 1983). A mean of squares less the square of the mean would lose digits where the mean is large.
        means, variances = jnp.unstack(jax.lax.all_gather(jnp.stack([mean, var]), self.axis_name), axis=1)
        mean = means.mean(0)
        return mean, variances.mean(0) + jnp.square(means - mean[None]).mean(0), count * devices


class Conv3x3(nn.Module):
    """3x3 convolution that hands out its bias instead of adding it, for the :class:`BatchNorm` that follows.

    Parameters as those of ``nn.Conv(features, (3, 3))``.

    Attributes:
        features: output channels.
        padding: of the two spatial axes: 1, or 0 for input that is padded already.
        dtype: what to compute in; that of the input by default.
    """

    features: int
    padding: int = 1
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """``(B, H, W, C)`` -> ``(B, H, W, features)`` without the bias, and the bias."""
        kernel: Any = self.param("kernel", torch_default, (3, 3, x.shape[-1], self.features))
        bias: Any = self.param("bias", nn.initializers.zeros, (self.features,))
        x, kernel = _in_dtype(self.dtype, x, kernel)
        padding = [(self.padding, self.padding)] * 2
        y = jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return y, bias


def _in_dtype(dtype: Dtype | None, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    wanted = dtype or jnp.result_type(*arrays)
    return tuple(array.astype(wanted) for array in arrays)


class ConvBlock(nn.Module):
    """3x3 convolution, batch normalisation, ReLU (paper, Figure 2)."""

    features: int
    norm: Norm
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, H, W, features)``; zero padding."""
        y, bias = Conv3x3(self.features, dtype=self.dtype, name="conv")(x)
        return nn.relu(self.norm(name="norm")(y, bias))


class DoubleConv(nn.Module):
    """Two :class:`ConvBlock` in a row."""

    features: int
    norm: Norm
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, H, W, features)``."""
        x = ConvBlock(self.features, self.norm, self.dtype, name="block1")(x)
        return ConvBlock(self.features, self.norm, self.dtype, name="block2")(x)


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
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, H//2, W//2, features)``."""
        batch, height, width, channels = x.shape
        kernel, bias = _halving_params(self, channels, self.features)
        x, kernel, bias = _in_dtype(self.dtype, x, kernel, bias)
        h, w = height // 2, width // 2
        x = x[:, : 2 * h, : 2 * w].reshape(batch, h, 2, w, 2, channels)
        return jnp.einsum("bhiwjc,ijco->bhwo", x, kernel) + bias.reshape(1, 1, 1, -1)


class TransposedConv(nn.Module):
    """2x2 transposed convolution of stride 2, as one matrix product and a rearrangement.

    The same function as PyTorch's ``ConvTranspose2d(C, features, 2, stride=2)``, with the kernel stored as
    ``(2, 2, C, features)``.
    """

    features: int
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``(B, H, W, C)`` -> ``(B, 2H, 2W, features)``."""
        batch, height, width, channels = x.shape
        kernel, bias = _halving_params(self, channels, self.features)
        x, kernel, bias = _in_dtype(self.dtype, x, kernel, bias)
        x = jnp.einsum("bhwc,ijco->bhiwjo", x, kernel)
        x = x.reshape(batch, 2 * height, 2 * width, self.features)
        return x + bias.reshape(1, 1, 1, -1)
