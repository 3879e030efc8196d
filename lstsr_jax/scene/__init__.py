"""Floor 2: a whole field from tiles."""

from lstsr_jax.scene.field import super_resolve_scene, super_resolve_spread

__all__ = ["super_resolve_scene", "super_resolve_spread"]
