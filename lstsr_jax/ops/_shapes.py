"""The array contract of the library, checked at the door: channels-last ``(..., H, W, C)``."""

from collections.abc import Sequence

import jax


def require_image(name: str, shape: Sequence[int]) -> None:
    """Raise unless ``shape`` is ``(..., H, W, C)`` with at least one pixel.

    Raises:
        ValueError: naming the argument, its shape and the remedy.
    """
    if len(shape) < 3:
        raise ValueError(
            f"{name} must be (..., H, W, C), got shape {tuple(shape)}: add the channel axis with {name}[..., None]"
        )
    if 0 in shape[-3:]:
        raise ValueError(f"{name} must hold at least one pixel, got shape {tuple(shape)}")


def require_factor(factor: int) -> None:
    """Raise unless ``factor`` is a positive integer (fine = coarse x factor).

    Raises:
        ValueError: with the remedy where :func:`jax.jit` traces it.
    """
    if isinstance(factor, jax.core.Tracer):
        raise ValueError("factor decides shapes, so it cannot be traced: jax.jit(function, static_argnames='factor')")
    if not isinstance(factor, int) or factor < 1:
        raise ValueError(f"factor must be a positive integer (fine = coarse x factor), got {factor!r}")


def require_refinement(fine: Sequence[int], coarse: Sequence[int]) -> int:
    """Return the integer factor by which ``fine`` refines ``coarse``.

    Raises:
        ValueError: if the leading axes or channels differ, or the factor is no integer or differs between axes.
    """
    require_image("fine", fine)
    require_image("coarse", coarse)
    factor = fine[-3] // coarse[-3]
    expected = (*coarse[:-3], coarse[-3] * factor, coarse[-2] * factor, coarse[-1])
    if factor < 1 or tuple(fine) != expected:
        raise ValueError(
            f"fine {tuple(fine)} must be coarse {tuple(coarse)} times one integer factor in height and width"
        )
    return factor
