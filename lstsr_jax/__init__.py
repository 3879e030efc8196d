"""MODIS land surface temperature super-resolution in JAX.

Array contract: channels-last ``(..., H, W, C)``, LST in kelvin, float32; NaN means no observation. Names are loaded on
first use, so that ``import lstsr_jax.geo`` does not import JAX.
"""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from data_builders.preparation import prepare
    from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig, preset
    from lstsr_jax.evaluation import evaluate
    from lstsr_jax.export import export_predictor, load_exported
    from lstsr_jax.models import create_model
    from lstsr_jax.models.dmcn import DMCN
    from lstsr_jax.models.edsr import EDSR
    from lstsr_jax.models.mrunet import MRUNet
    from lstsr_jax.models.torch_weights import import_torch_state_dict
    from lstsr_jax.models.vdsr import VDSR
    from lstsr_jax.ops.degradation import degrade
    from lstsr_jax.ops.energy import conserve_energy
    from lstsr_jax.ops.gaps import fill_gaps
    from lstsr_jax.ops.metrics import psnr, rmse, ssim
    from lstsr_jax.ops.pooling import l4_pool
    from lstsr_jax.ops.resize import upsample
    from lstsr_jax.predictor import (
        Normalization,
        Predictor,
        SuperResolver,
        as_super_resolver,
        coarse_to_fine,
        load_predictor,
        save_predictor,
    )
    from lstsr_jax.scene import super_resolve_scene, super_resolve_spread
    from lstsr_jax.sharpening import atprk, dms, tsharp
    from lstsr_jax.training import Stopped, train

__version__ = "0.2.0"

_HOME = {
    # fields
    "l4_pool": "lstsr_jax.ops.pooling",
    "upsample": "lstsr_jax.ops.resize",
    "degrade": "lstsr_jax.ops.degradation",
    "conserve_energy": "lstsr_jax.ops.energy",
    "fill_gaps": "lstsr_jax.ops.gaps",
    # scores
    "rmse": "lstsr_jax.ops.metrics",
    "psnr": "lstsr_jax.ops.metrics",
    "ssim": "lstsr_jax.ops.metrics",
    # networks
    "MRUNet": "lstsr_jax.models.mrunet",
    "VDSR": "lstsr_jax.models.vdsr",
    "DMCN": "lstsr_jax.models.dmcn",
    "EDSR": "lstsr_jax.models.edsr",
    "create_model": "lstsr_jax.models",
    "import_torch_state_dict": "lstsr_jax.models.torch_weights",
    # classical methods
    "tsharp": "lstsr_jax.sharpening",
    "atprk": "lstsr_jax.sharpening",
    "dms": "lstsr_jax.sharpening",
    # prediction
    "Normalization": "lstsr_jax.predictor",
    "Predictor": "lstsr_jax.predictor",
    "SuperResolver": "lstsr_jax.predictor",
    "as_super_resolver": "lstsr_jax.predictor",
    "coarse_to_fine": "lstsr_jax.predictor",
    "load_predictor": "lstsr_jax.predictor",
    "save_predictor": "lstsr_jax.predictor",
    "export_predictor": "lstsr_jax.export",
    "load_exported": "lstsr_jax.export",
    "super_resolve_scene": "lstsr_jax.scene",
    "super_resolve_spread": "lstsr_jax.scene",
    # data, training, evaluation
    "prepare": "data_builders.preparation",
    "Stopped": "lstsr_jax.training",
    "train": "lstsr_jax.training",
    "evaluate": "lstsr_jax.evaluation",
    # configuration
    "Config": "lstsr_jax.config",
    "DataConfig": "lstsr_jax.config",
    "ModelConfig": "lstsr_jax.config",
    "TrainConfig": "lstsr_jax.config",
    "preset": "lstsr_jax.config",
}

__all__ = [
    "DMCN",
    "EDSR",
    "VDSR",
    "Config",
    "DataConfig",
    "MRUNet",
    "ModelConfig",
    "Normalization",
    "Predictor",
    "Stopped",
    "SuperResolver",
    "TrainConfig",
    "as_super_resolver",
    "atprk",
    "coarse_to_fine",
    "conserve_energy",
    "create_model",
    "degrade",
    "dms",
    "evaluate",
    "export_predictor",
    "fill_gaps",
    "import_torch_state_dict",
    "l4_pool",
    "load_exported",
    "load_predictor",
    "prepare",
    "preset",
    "psnr",
    "rmse",
    "save_predictor",
    "ssim",
    "super_resolve_scene",
    "super_resolve_spread",
    "train",
    "tsharp",
    "upsample",
]


__getattr__ = lazily(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
