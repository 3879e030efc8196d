"""Networks: flax.linen modules ``(B, H, W, C_in)`` -> ``(B, H, W, 1)`` on normalised fields."""

from flax import linen as nn

from lstsr_jax.config import ModelConfig
from lstsr_jax.models.dmcn import DMCN
from lstsr_jax.models.edsr import EDSR
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.models.vdsr import VDSR


def create_model(config: ModelConfig, axis_name: str | None = None) -> nn.Module:
    """The network that a configuration names.

    Args:
        config: architecture and size.
        axis_name: ``pmap`` axis over which batch statistics are reduced during training.

    Raises:
        ValueError: if the name is unknown.
    """
    if config.name == "mrunet":
        return MRUNet(config.width, config.bridge_blocks, axis_name=axis_name)
    if config.name == "vdsr":
        return VDSR(config.depth, config.width, axis_name=axis_name)
    if config.name == "dmcn":
        return DMCN(config.width, axis_name=axis_name)
    if config.name == "edsr":
        return EDSR(config.blocks, config.width, config.factor)
    if config.name == "edsr-equivariant":
        return EDSR(config.blocks, config.width, config.factor, equivariant=True)
    raise ValueError(f"model {config.name!r} is unknown; choose one of mrunet, vdsr, dmcn, edsr, edsr-equivariant")
