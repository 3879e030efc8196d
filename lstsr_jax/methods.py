"""Every method of a table or of a map that needs no training, by name, as one kind of super-resolver.

A new one is a line of :data:`METHODS`.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax

from lstsr_jax.errors import InputError
from lstsr_jax.ops.energy import conserve_energy
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import DEFAULT_FACTOR, FunctionResolver
from lstsr_jax.sharpening import PYDMS_PENALTY, atprk, dms, require_sklearn, tsharp


@dataclasses.dataclass(frozen=True)
class MethodKind:
    """What is known of a method before its factor and options are.

    Attributes:
        function: ``(coarse, factor=..., **options)`` or ``(coarse, ndvi, factor=..., **options)`` -> the fine field;
            ``(B, h, w, 1)`` K, ``(B, h*f, w*f, 1)`` NDVI with NaN gaps. It need not be traceable.
        needs_ndvi: whether it takes NDVI.
        whole_field: fits something to the field: a map is made in one piece, from the field with its NaN gaps.
        compiled: whether it is to be compiled with :func:`jax.jit`; those that compile themselves, or are not of JAX,
            are not.
        reports_progress: whether it takes ``progress=``, since a whole scene takes it minutes.
        crop_as_learned: whether protocols leave as much of its border out as of a network's.
        require: raises where a package that it needs is not installed.
    """

    function: Callable[..., Any]
    needs_ndvi: bool = False
    whole_field: bool = False
    compiled: bool = False
    reports_progress: bool = False
    crop_as_learned: bool = False
    require: Callable[[], None] | None = None


def bicubic_conserved(coarse: jax.Array, factor: int) -> jax.Array:
    """Bicubic, corrected so that pooling it gives back ``coarse``: ``(B, h, w, 1)`` K -> ``(B, h*f, w*f, 1)`` K."""
    return conserve_energy(upsample(coarse, factor), coarse)


_SHARPENED = MethodKind(tsharp, needs_ndvi=True, whole_field=True)
_KRIGED = dataclasses.replace(_SHARPENED, function=atprk, crop_as_learned=True)
_TREES = dataclasses.replace(_SHARPENED, reports_progress=True, require=require_sklearn)
METHODS = {
    "nearest": MethodKind(functools.partial(upsample, method="nearest"), compiled=True),
    "bilinear": MethodKind(functools.partial(upsample, method="bilinear"), compiled=True),
    "bicubic": MethodKind(functools.partial(upsample, method="bicubic"), compiled=True),
    "bicubic-conserved": MethodKind(bicubic_conserved, compiled=True),
    "tsharp": _SHARPENED,
    "atprk": _KRIGED,
    "dms": dataclasses.replace(_TREES, function=functools.partial(dms, penalty=PYDMS_PENALTY, conserve=False)),
    "dms-conserved": dataclasses.replace(_TREES, function=functools.partial(dms, penalty=PYDMS_PENALTY, conserve=True)),
    "tsharp-mean": dataclasses.replace(_SHARPENED, function=functools.partial(tsharp, ndvi_pool="mean")),
    "atprk-mean": dataclasses.replace(_KRIGED, function=functools.partial(atprk, ndvi_pool="mean")),
}
"""By name. The ``-mean`` ones pool NDVI by its mean under every protocol; ``dms`` is as pyDMS leaves it."""


def method(name: str, factor: int = DEFAULT_FACTOR, *, setting: str = "method", **options: Any) -> FunctionResolver:
    """A method by name.

    Args:
        name: one of :data:`METHODS`.
        factor: fine = coarse x factor.
        setting: what the name was given by, for the message.
        options: of its function, such as ``ndvi_pool`` of :func:`lstsr_jax.tsharp`.

    Raises:
        InputError: if there is none of that name, or a package that it needs is not installed.
    """
    if name not in METHODS:
        raise InputError(f"`{setting}` {name}: unknown; choose among {', '.join(METHODS)}")
    kind = METHODS[name]
    if kind.require is not None:
        kind.require()
    return FunctionResolver(
        _compiled(name, factor, **options)
        if kind.compiled
        else functools.partial(kind.function, factor=factor, **options),
        factor,
        needs_ndvi=kind.needs_ndvi,
        whole_field=kind.whole_field,
        reports_progress=kind.reports_progress,
        name=name,
    )


@functools.cache
def _compiled(name: str, factor: int, **options: Any) -> Callable[..., Any]:
    """One function for each setting, so that a method asked for again is not compiled again."""
    return jax.jit(functools.partial(METHODS[name].function, factor=factor, **options))
