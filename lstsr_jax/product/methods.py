"""How a product's fine field is made: by a network, or without one."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import load_predictor
from lstsr_jax.predictor.checkpoint import checkpoint_name
from lstsr_jax.predictor.provenance import Provenance
from lstsr_jax.product.request import Request
from lstsr_jax.scene import conserves_energy, finish, super_resolve_scene, super_resolve_spread
from lstsr_jax.scene.tiling import Progress
from lstsr_jax.sharpening import PYDMS_PENALTY, atprk, dms, require_sklearn

CLASSICAL = ("bicubic", "atprk", "dms")
Field = NDArray[np.float32]
Bands = tuple[Field, Field | None]
Sharpen = Callable[[jax.Array, jax.Array, Progress | None], jax.Array]


@dataclasses.dataclass(frozen=True)
class Method:
    """A way from a coarse field to a fine one.

    Attributes:
        name: for tags: of the network, or of the classical method.
        checkpoint: fingerprint of the network, or "none".
        factor: fine = coarse x factor.
        apply: LST ``(H, W)`` in K with gaps, NDVI ``(H*f, W*f)`` or None, and a progress callback -> bands
            in K, each ``(H*f, W*f)``: LST and, if asked for, spread.
        conserves: whether the result is corrected so that pooling it gives back the source.
        ndvi: NDVI file or directory, if it takes any.
        model: what the network was asked for by: a shipped model's name such as ``default``, or that of its workdir.
        calibrated: whether the spread is the error's standard deviation.
        provenance: where the network comes from and what it was trained on, if it says so.
    """

    name: str
    checkpoint: str
    factor: int
    apply: Callable[[Field, Field | None, Progress | None], Bands]
    conserves: bool
    ndvi: Path | None = None
    model: str = ""
    calibrated: bool = False
    provenance: Provenance | None = None


def choose_method(checkpoint: str | None, method: str | None, ndvi: Path | None, request: Request) -> Method:
    """Set up the method that a command asks for.

    Args:
        checkpoint: directory or name that :func:`lstsr_jax.load_predictor` takes, or None.
        method: one of :data:`CLASSICAL`, or None for the network of the checkpoint.
        ndvi: NDVI file or directory, for ATPRK, DMS and guided networks.
        request: tiling, spread and energy.

    Returns:
        The method.

    Raises:
        InputError: if there is no checkpoint, or the flags do not go together.
    """
    if checkpoint and method:
        raise InputError(f"--method {method}: is made without a network; leave --checkpoint or --method out")
    if not checkpoint and not method:
        raise InputError("--checkpoint: give a training workdir or checkpoint, or --method bicubic to do without")
    if method and request.spread:
        raise InputError(f"--spread: is the network's; {method} has none")
    predictor = None if method else load_predictor(str(checkpoint))
    conserve = conserves_energy(predictor, request.conserve_energy)
    if method in _SHARPENINGS:
        if ndvi is None:
            raise InputError(f"--method {method}: needs --ndvi, a MOD13Q1 or MOD13A2 file or a directory of them")
        if method == "dms":
            require_sklearn()  # before any work
        sharpen = functools.partial(_sharpened, _SHARPENINGS[method], conserve)
        return Method(method, "none", 4, sharpen, conserve, ndvi)
    if method == "bicubic":
        refine = jax.jit(functools.partial(upsample, factor=4))
        _refuse(ndvi, "bicubic")
        return Method("bicubic", "none", 4, functools.partial(_tiled, refine, request, conserve), conserve)
    if predictor is None:
        raise InputError(f"--method {method}: unknown; choose one of {', '.join(CLASSICAL)}")
    if not predictor.guided:
        _refuse(ndvi, "this network")
    elif ndvi is None:
        raise InputError(
            "--ndvi: this network is guided by NDVI; give a MOD13Q1 or MOD13A2 file or a directory of them"
        )
    apply = functools.partial(_tiled, predictor, request, conserve)
    return Method(
        predictor.config.name,
        predictor.fingerprint,
        predictor.factor,
        apply,
        conserve,
        ndvi,
        checkpoint_name(str(checkpoint)),
        (predictor.product_calibration or predictor.calibration) is not None,
        predictor.provenance,
    )


def _refuse(ndvi: Path | None, name: str) -> None:
    if ndvi is not None:
        raise InputError(f"--ndvi: {name} takes no NDVI; leave it out")


def _tiled(
    predictor: Any, request: Request, conserve: bool, lst: Field, ndvi: Field | None, progress: Progress | None
) -> Bands:
    options: dict[str, Any] = {
        **dataclasses.asdict(request.tiling()),
        "conserve_energy": conserve,
        "progress": progress,
    }
    if request.spread:
        return super_resolve_spread(predictor, lst, ndvi, **options)
    return super_resolve_scene(predictor, lst, ndvi, **options), None


def _sharpened(sharpen: Sharpen, conserve: bool, lst: Field, ndvi: Field | None, progress: Progress | None) -> Bands:
    """The whole field at once: its regressions and variogram are those of the scene."""
    fine = np.array(sharpen(jnp.asarray(lst)[..., None], jnp.asarray(ndvi)[..., None], progress))[None, ..., 0]
    finish(fine, lst, 4, conserve)
    return fine[0], None


def _atprk(lst: jax.Array, ndvi: jax.Array, progress: Progress | None) -> jax.Array:
    del progress
    return atprk(lst, ndvi, 4)


def _dms(lst: jax.Array, ndvi: jax.Array, progress: Progress | None) -> jax.Array:
    return dms(lst, ndvi, 4, penalty=PYDMS_PENALTY, conserve=False, progress=progress)


_SHARPENINGS: dict[str, Sharpen] = {"atprk": _atprk, "dms": _dms}
