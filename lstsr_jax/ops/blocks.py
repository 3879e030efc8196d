"""Blocks of pixels: a fine grid seen from the coarse one, and back. Arrays are ``(..., H, W, C)``."""

import jax
import jax.numpy as jnp


def to_blocks(x: jax.Array, factor: int) -> jax.Array:
    """Cut ``(..., H, W, C)`` into blocks ``(..., H/f, W/f, f*f, C)``, row-major inside a block."""
    *lead, height, width, channels = x.shape
    x = x.reshape(*lead, height // factor, factor, width // factor, factor, channels)
    x = jnp.moveaxis(x, -3, -4)
    return x.reshape(*lead, height // factor, width // factor, factor * factor, channels)


def from_blocks(blocks: jax.Array, factor: int) -> jax.Array:
    """Inverse of :func:`to_blocks`: ``(..., h, w, f*f, C)`` -> ``(..., h*f, w*f, C)``."""
    *lead, height, width, _, channels = blocks.shape
    x = blocks.reshape(*lead, height, width, factor, factor, channels)
    return jnp.moveaxis(x, -3, -4).reshape(*lead, height * factor, width * factor, channels)


def space_to_depth(x: jax.Array, factor: int) -> jax.Array:
    """``(..., H, W, C)`` -> ``(..., H/f, W/f, f*f*C)``: each block of fine pixels becomes channels, row-major."""
    blocks = to_blocks(x, factor)
    return blocks.reshape(*blocks.shape[:-2], -1)


def depth_to_space(x: jax.Array, factor: int) -> jax.Array:
    """Inverse of :func:`space_to_depth`: pixel shuffle."""
    return from_blocks(x.reshape(*x.shape[:-1], factor * factor, -1), factor)
