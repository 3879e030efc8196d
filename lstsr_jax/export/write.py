"""A Predictor as serialised StableHLO: the network, its normalisation and its weights in one file."""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

import lstsr_jax
from lstsr_jax.errors import InputError, first_line
from lstsr_jax.export.sidecar import describes_a_model, sidecar_path, to_text
from lstsr_jax.files import replacing, write_text
from lstsr_jax.predictor import Predictor
from lstsr_jax.predictor import shipped as weights
from lstsr_jax.predictor.checkpoint import checkpoint_name
from lstsr_jax.predictor.guides import CHANNELS

PLATFORMS = ("cpu", "cuda", "tpu")
_DEEPEST = 16
"""What U-Nets halve the fine grid by: four levels."""
_LEAST_FINE = 32
"""Fine pixels along a side from which on such a network pads by no more than it has."""


def export_predictor(
    predictor: Predictor,
    path: str | Path,
    *,
    shape: tuple[int, int, int] | None = None,
    platforms: Sequence[str] = PLATFORMS,
) -> dict[str, Any]:
    """Write a predictor as StableHLO (:mod:`jax.export`), and what it is as JSON beside it.

    The file is a function of the coarse field in kelvin, and of the guides of a guided model: interpolation,
    normalisation, weights, self-ensemble and energy conservation are inside. It is loaded by
    :func:`lstsr_jax.load_exported`, which needs JAX and numpy but neither Flax nor the network's code, or by
    ``jax.export.deserialize``.

    Args:
        predictor: from :func:`lstsr_jax.load_predictor`, or one of your own.
        path: of the file, such as ``default.stablehlo``; ``<path>.json`` is written beside it.
        shape: batch, height and width of the coarse field; None for any of them, as far as the network allows: U-Nets
            ask for multiples, which the JSON states and the loading checks.
        platforms: of JAX, on which it is to run.

    Returns:
        What the JSON says.

    Raises:
        InputError: if a file of that name exists (but for a JSON that an interruption left without its model), the
            package flatbuffers is missing, or the network cannot be exported for that shape.
    """
    path = Path(path)
    beside = sidecar_path(path)
    for file in (path, beside):
        if file.exists() and not (file == beside and describes_a_model(beside)):  # alone it is left of an interruption
            raise InputError(f"{file}: exists already; choose another name or remove it")
    require_flatbuffers()
    serialized, sizes, version = _exported(predictor, shape, tuple(platforms))
    about = _describe(predictor, sizes, version, tuple(platforms))
    with replacing(path) as temporary:
        temporary.write_bytes(serialized)
        write_text(beside, to_text(about, serialized))  # first: where the model is, both are
    return about


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Which coarse fields an exported model takes.

    Attributes:
        shape: batch, height and width; None for any.
        multiple_of: of height and width, if the shape is free.
        at_least: of height and width, if the shape is free.
    """

    shape: tuple[int, int, int] | None
    multiple_of: int = 1
    at_least: int = 1

    def inputs(self, factor: int, guides: int) -> list[jax.ShapeDtypeStruct]:
        """Coarse field and so many guides as :mod:`jax.export` takes them."""
        if self.shape is None:
            least = -(-self.at_least // self.multiple_of)
            scope = export.SymbolicScope([f"{side} >= {least}" for side in "hw"] if least > 1 else ())
            batch, *sides = export.symbolic_shape("b, h, w", scope=scope)
            sides = [side * self.multiple_of for side in sides]
        else:
            batch, *sides = self.shape
        scales = (1, *[factor] * guides)
        return [jax.ShapeDtypeStruct((batch, *(side * k for side in sides), 1), jnp.float32) for k in scales]


def _candidates(factor: int) -> list[Sizes]:
    """Free sizes from the freest to that of the deepest U-Net."""
    found = [Sizes(None)]
    for halvings in range(int(math.log2(_DEEPEST)) + 1):
        multiple = 2**halvings // math.gcd(2**halvings, factor)
        least = -(-_LEAST_FINE // factor)
        found.append(Sizes(None, multiple, -(-least // multiple) * multiple))
    return list(dict.fromkeys(found))


def _exported(
    predictor: Predictor, shape: tuple[int, int, int] | None, platforms: tuple[str, ...]
) -> tuple[bytes, Sizes, int]:
    """The serialised function, the sizes it takes, and the version of its calling convention."""

    def refine(coarse: jax.Array, *fields: jax.Array) -> jax.Array:
        # Behind a barrier, or XLA computes with the weights while it compiles, and rounds otherwise than the predictor.
        variables = jax.lax.optimization_barrier(predictor.variables)
        guides = dict(zip(predictor.guides, fields, strict=True))
        return predictor.replace(variables=variables)(coarse, **guides)  # type: ignore[attr-defined,no-any-return]

    if shape is not None and (len(shape) != 3 or min(shape) < 1):
        raise InputError(f"`shape` {shape}: give batch, height and width of the coarse field, each at least 1")
    reason: Exception | None = None
    for sizes in _candidates(predictor.factor) if shape is None else [Sizes(shape)]:
        try:
            with _without_places():
                traced = export.export(jax.jit(refine), platforms=platforms)(
                    *sizes.inputs(predictor.factor, len(predictor.guides))
                )
        except Exception as error:  # what a network of any author raises at a size it does not take
            reason = error
            continue
        return bytes(traced.serialize()), sizes, traced.calling_convention_version
    assert reason is not None
    remedy = "give a `shape`" if shape is None else "give another `shape`"
    raise InputError(f"this network cannot be exported ({first_line(reason)}); {remedy}") from reason


@contextlib.contextmanager
def _without_places() -> Iterator[None]:
    """Within the block, programs do not record the source lines they were made from: paths of this machine."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def _describe(predictor: Predictor, sizes: Sizes, version: int, platforms: tuple[str, ...]) -> dict[str, Any]:
    """What the JSON says of a model."""
    origin, metadata = predictor.provenance, predictor.metadata
    h, w = ("h", "w") if sizes.shape is None else sizes.shape[1:]
    batch = "b" if sizes.shape is None else sizes.shape[0]
    factor = predictor.factor

    def times(side: Any) -> Any:
        return f"{factor}*{side}" if isinstance(side, str) else factor * side

    coarse, fine = [batch, h, w, 1], [batch, times(h), times(w), 1]
    lst = {"dtype": "float32", "units": "K"}
    inputs: list[dict[str, Any]] = [
        {"name": "coarse", "shape": coarse, **lst, "gaps": "none: fill them first, NaN spreads"}
    ]
    for guide in predictor.guides:
        kind = CHANNELS[guide]
        numbers: dict[str, Any] = {"dtype": "float32", "units": kind.units, "range": list(kind.bounds)}
        inputs.append({"name": guide, "shape": fine, **numbers, "gaps": "NaN where there is none, also everywhere"})
    name = None if origin is None else checkpoint_name(origin.path)
    return {
        "model": {"name": name, "fingerprint": predictor.fingerprint, **metadata},
        "provenance": {
            "step": None if origin is None else origin.step,
            "trained_on_products": None if origin is None else origin.products,
            "trained_on_pairs": 0 if origin is None else len(origin.pairs),
            "for_tiles": None if origin is None else weights.stated_tiles(origin.path),
            "software": f"lstsr-jax {lstsr_jax.__version__}",
        },
        "factor": factor,
        "inputs": inputs,
        "outputs": [{"name": "fine", "shape": fine, **lst}],
        "sizes": {"multiple_of": sizes.multiple_of, "at_least": sizes.at_least, "shape": sizes.shape},
        "scaling": "none outside: kelvin in and out, the normalisation is inside",
        "energy": {"answer_conserves": predictor.config.conserve_energy, "maps_conserve": predictor.conserves_energy},
        "calling_convention": {
            "format": "jax.export, StableHLO",
            "version": version,
            "platforms": platforms,
            "arguments": [one["name"] for one in inputs],
            "precision": "float32",
            "jax": jax.__version__,
        },
    }


def require_flatbuffers() -> None:
    """Refuse, before any work, where :mod:`jax.export` cannot serialise.

    Raises:
        InputError: with the command that installs what is missing.
    """
    try:
        import flatbuffers  # noqa: F401
    except ImportError:
        raise InputError("StableHLO needs flatbuffers; run pip install 'lstsr-jax[export]'") from None
