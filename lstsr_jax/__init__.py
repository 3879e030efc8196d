"""MODIS land surface temperature super-resolution in JAX.

Array contract: channels-last ``(..., H, W, C)``, LST in kelvin, float32; NaN means no observation. Names are loaded on
first use, so that ``import lstsr_jax.geo`` does not import JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
    from lstsr_jax.evaluation import evaluate
    from lstsr_jax.models import create_model
    from lstsr_jax.models.dmcn import DMCN
    from lstsr_jax.models.mrunet import MRUNet
    from lstsr_jax.models.torch_weights import import_torch_state_dict
    from lstsr_jax.models.vdsr import VDSR
    from lstsr_jax.ops.energy import conserve_energy
    from lstsr_jax.ops.gaps import fill_gaps
    from lstsr_jax.ops.metrics import psnr, rmse, ssim
    from lstsr_jax.ops.pooling import l4_pool
    from lstsr_jax.ops.resize import upsample
    from lstsr_jax.predictor import Predictor, load_predictor, save_predictor
    from lstsr_jax.scene import super_resolve_scene, super_resolve_spread
    from lstsr_jax.sharpening import atprk, tsharp

__version__ = "0.1.0"

_HOME = {
    # fields
    "l4_pool": "ops.pooling",
    "upsample": "ops.resize",
    "conserve_energy": "ops.energy",
    "fill_gaps": "ops.gaps",
    # scores
    "rmse": "ops.metrics",
    "psnr": "ops.metrics",
    "ssim": "ops.metrics",
    # networks
    "MRUNet": "models.mrunet",
    "VDSR": "models.vdsr",
    "DMCN": "models.dmcn",
    "create_model": "models",
    "import_torch_state_dict": "models.torch_weights",
    # classical methods
    "tsharp": "sharpening",
    "atprk": "sharpening",
    # prediction
    "Predictor": "predictor",
    "load_predictor": "predictor",
    "save_predictor": "predictor",
    "super_resolve_scene": "scene",
    "super_resolve_spread": "scene",
    # evaluation
    "evaluate": "evaluation",
    # configuration
    "Config": "config",
    "DataConfig": "config",
    "ModelConfig": "config",
    "TrainConfig": "config",
}

__all__ = [
    "DMCN",
    "VDSR",
    "Config",
    "DataConfig",
    "MRUNet",
    "ModelConfig",
    "Predictor",
    "TrainConfig",
    "atprk",
    "conserve_energy",
    "create_model",
    "evaluate",
    "fill_gaps",
    "import_torch_state_dict",
    "l4_pool",
    "load_predictor",
    "psnr",
    "rmse",
    "save_predictor",
    "ssim",
    "super_resolve_scene",
    "super_resolve_spread",
    "tsharp",
    "upsample",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"lstsr_jax.{_HOME[name]}"), name)
    raise AttributeError(f"module 'lstsr_jax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
