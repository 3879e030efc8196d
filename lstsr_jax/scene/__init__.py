"""Floor 2: a whole field from tiles; loaded lazily."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.scene.field import super_resolve_scene, super_resolve_spread
    from lstsr_jax.scene.steps import SceneSteps

_HOME = {
    "SceneSteps": ".steps",
    "super_resolve_scene": ".field",
    "super_resolve_spread": ".field",
}

__all__ = [
    "SceneSteps",
    "super_resolve_scene",
    "super_resolve_spread",
]

__getattr__ = lazily(__name__, _HOME)
