"""The one path from coarse to fine LST, used alike by training, evaluation and prediction.

Interpolate (ILR), normalise, let the network add its residual, denormalise, and, if asked, conserve energy. Arrays are
``(B, h, w, C)`` in kelvin.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from lstsr_jax.config import ModelConfig
from lstsr_jax.ops.energy import conserve_energy
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor.guides import given, guide_channels

Network = Callable[[jax.Array], jax.Array]
"""Normalised ILR ``(B, H, W, 1)``, or ILR and each guide with its mask ``(B, H, W, 1 + 2n)`` -> normalised fine
``(B, H, W, 1)``."""


@dataclasses.dataclass(frozen=True)
class Normalization:
    """The affine map between kelvin and what the network sees: data, not code.

    Attributes:
        kind: ``"train_max"`` divides by ``scale_k`` (the paper, the training maximum); ``"anomaly"`` subtracts each
            patch's mean and divides by ``scale_k``.
        scale_k: divisor in kelvin.
    """

    kind: str
    scale_k: float

    def __post_init__(self) -> None:
        """Refuse what is no normalisation.

        Raises:
            ValueError: if the kind is unknown or the scale not positive.
        """
        if self.kind not in ("anomaly", "train_max") or not self.scale_k > 0:
            raise ValueError(f"normalization {self.kind!r} by {self.scale_k} K: choose anomaly or train_max, above 0 K")

    def centre(self, ilr: jax.Array) -> jax.Array:
        """What is subtracted, ``(B, 1, 1, C)`` K."""
        if self.kind == "train_max":
            return jnp.zeros((ilr.shape[0], 1, 1, ilr.shape[-1]), ilr.dtype)
        return ilr.mean((1, 2), keepdims=True)


def input_channels(config: ModelConfig) -> int:
    """Channels of what the network sees: ILR, and each of its guides with a mask."""
    return 1 + 2 * len(config.guides)


def normalization_for(config: ModelConfig, train_max_k: float) -> Normalization:
    """The normalisation that a model configuration asks for, given the training maximum in kelvin."""
    scale_k = train_max_k if config.normalization == "train_max" else config.anomaly_scale_k
    return Normalization(config.normalization, scale_k)


def coarse_to_fine(
    network: Network,
    coarse: jax.Array,
    config: ModelConfig,
    normalization: Normalization,
    ndvi: jax.Array | None = None,
    *,
    elevation: jax.Array | None = None,
) -> jax.Array:
    """Super-resolve ``(B, h, w, 1)`` K without gaps to ``(B, h*f, w*f, 1)`` K with any network.

    Pure: differentiable in the coarse field and in whatever the network closes over. A guided network also sees those
    of ``ndvi`` and ``elevation`` (m) that ``config.guide`` names, ``(B, h*f, w*f, 1)`` with NaN gaps; None is a guide
    that is missing everywhere.
    """
    ilr = upsample(coarse, config.factor, config.upsampling)
    centre = normalization.centre(ilr)
    seen = (ilr - centre) / normalization.scale_k
    if config.guides:
        fields = given(ndvi=ndvi, elevation=elevation)
        nowhere = jnp.full_like(ilr, jnp.nan)
        guides = [guide_channels(fields.get(name, nowhere), name, config.factor) for name in config.guides]
        seen = jnp.concatenate([seen, *guides], axis=-1)
    fine = network(seen) * normalization.scale_k + centre
    return conserve_energy(fine, coarse) if config.conserve_energy else fine
