"""A trained model as a pure function of the coarse field, on disk and in memory."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import struct

from lstsr_jax.config import ModelConfig
from lstsr_jax.errors import InputError
from lstsr_jax.models import create_model
from lstsr_jax.ops._shapes import require_image, require_refinement
from lstsr_jax.ops.observed import as_float
from lstsr_jax.predictor import shipped as weights
from lstsr_jax.predictor.checkpoint import (
    find_checkpoint,
    fingerprint,
    read_metadata,
    read_variables,
    training_step,
    write_checkpoint,
)
from lstsr_jax.predictor.guides import CHANNELS, Guides, given, guides_of
from lstsr_jax.predictor.path import Normalization, coarse_to_fine, input_channels
from lstsr_jax.predictor.provenance import Provenance
from lstsr_jax.predictor.resolver import FunctionResolver, SpreadCalibration, SuperResolver
from lstsr_jax.predictor.self_ensemble import known_mean, mean_and_spread

Variables = Any
"""Flax variables: a dict with ``params`` and ``batch_stats``."""


@struct.dataclass
class Predictor:
    """A trained model as a pure function of the coarse field.

    ``predictor(coarse)`` maps ``(B, h, w, 1)`` K without NaN to ``(B, h*f, w*f, 1)`` K: one NaN makes the whole of its
    image NaN, so :func:`lstsr_jax.fill_gaps` comes first, as :func:`lstsr_jax.super_resolve_scene` does. A guided model
    takes ``predictor(coarse, ndvi, elevation=elevation)``, or what there is of its ``guides``: fine NDVI and elevation
    in m, ``(B, h*f, w*f, 1)``, NaN where there is none. It is jitted and may be used under ``jax.jit``, ``jax.grad``
    and ``jax.vmap``. It is a :class:`lstsr_jax.SuperResolver`, and a pytree whose leaves are the variables: they are
    bound to no device until :func:`jax.device_put` places them, and follow the placement of ``coarse``.
    """

    variables: Variables
    module: nn.Module = struct.field(pytree_node=False)
    config: ModelConfig = struct.field(pytree_node=False)
    normalization: Normalization = struct.field(pytree_node=False)
    denoises: bool = struct.field(pytree_node=False, default=False)
    """Trained to see through the noise of its input, so that pooling its output does not give the input back: maps are
    not corrected, see ``conserves_energy``."""
    calibration: SpreadCalibration | None = struct.field(pytree_node=False, default=None)
    """Of its self-ensemble's spread at the scale it was trained at, if it was measured."""
    product_calibration: SpreadCalibration | None = struct.field(pytree_node=False, default=None)
    """The same from 1 km to 250 m, against ASTER, noise of the input included: what a product's spread is made by."""
    orientations: str = struct.field(pytree_node=False, default="dihedral")
    """The flips and rotations that its self-ensemble averages over: those it was trained with."""
    ensembles: bool = struct.field(pytree_node=False, default=False)
    """Answers with the mean of its self-ensemble, at that many times the computation; ``single`` does without."""
    provenance: Provenance | None = struct.field(pytree_node=False, default=None)
    """Where it was loaded from and what it was trained on; None if it was made in memory."""

    def __repr__(self) -> str:
        """One line, without the weights."""
        count = sum(leaf.size for leaf in jax.tree.leaves(self.variables.get("params", {})))
        model = self.config
        network = self.own_module or f"{model.name}, width {model.width}"
        return f"Predictor({network}, guide {model.guide}, {count:,} parameters)"

    def __call__(
        self, coarse: jax.Array, ndvi: jax.Array | None = None, *, elevation: jax.Array | None = None
    ) -> jax.Array:
        """Super-resolve a batch of coarse fields.

        Raises:
            ValueError: if ``coarse`` is not ``(B, h, w, 1)``, or a guide is given that does not fit it or the model.
        """
        answer = _predict_mean if self.ensembles else _predict
        fine: jax.Array = answer(self, *self._checked(coarse, given(ndvi=ndvi, elevation=elevation)))
        return fine

    def ensemble(
        self, coarse: jax.Array, ndvi: jax.Array | None = None, *, elevation: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """The self-ensemble: the network run in the eight flips and rotations of its input, compiled as a whole.

        Args:
            coarse: as for a call.
            ndvi: as for a call.
            elevation: as for a call.

        Returns:
            Mean over the ``orientations`` it was trained with, and standard deviation over all eight, both
            ``(B, h*f, w*f, 1)`` K; of what is corrected, if it ``conserves_energy``.

        Raises:
            ValueError: as for a call.
        """
        guides = given(ndvi=ndvi, elevation=elevation)
        found: tuple[jax.Array, jax.Array] = _predict_ensemble(self, *self._checked(coarse, guides))
        return found

    def _checked(self, coarse: jax.Array, guides: Guides) -> tuple[jax.Array, dict[str, jax.Array]]:
        coarse = as_float("coarse", coarse)
        require_image("coarse", coarse.shape)
        if coarse.ndim != 4 or coarse.shape[-1] != 1:
            raise ValueError(f"coarse must be (B, h, w, 1) in kelvin, got {coarse.shape}: add or select axes")
        fields = {name: as_float(name, field) for name, field in guides.items()}
        for name, field in fields.items():
            if name not in self.guides:
                raise ValueError(f"this model is not guided by {CHANNELS[name].text}: leave {name} out")
            if require_refinement(field.shape, coarse.shape) != self.factor:
                raise ValueError(f"{name} {field.shape} must be coarse {coarse.shape} times the factor {self.factor}")
        return coarse, fields

    def __hash__(self) -> int:
        """Of everything but the arrays."""
        return hash((self.own_module, *(getattr(self, name) for name in _STATIC)))

    def __eq__(self, other: object) -> bool:
        """Whether both answer alike: the same object, or equal settings and equal arrays."""
        if self is other:
            return True
        if not isinstance(other, Predictor):
            return NotImplemented
        if any(getattr(self, name) != getattr(other, name) for name in ("module", *_STATIC)):
            return False
        mine, its = (dict(jax.tree_util.tree_leaves_with_path(one.variables)) for one in (self, other))
        return mine.keys() == its.keys() and all(_same_array(mine[path], its[path]) for path in mine)

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything beside the arrays that decides the answer, as plain JSON values: what a checkpoint stores."""
        return {
            "model": dataclasses.asdict(self.config),
            "normalization": dataclasses.asdict(self.normalization),
            "denoises": self.denoises,
            "calibration": dataclasses.asdict(self.calibration) if self.calibration else None,
            "orientations": self.orientations,
            "ensembles": self.ensembles,
            **(
                {"product_calibration": dataclasses.asdict(self.product_calibration)}
                if self.product_calibration
                else {}
            ),
            **({"module": self.own_module} if self.own_module else {}),
        }

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that identify the answer: SHA-256 over ``metadata`` and the arrays.

        The same before saving and after loading, and from whatever directory. Of concrete arrays only.
        """
        digest = hashlib.sha256(json.dumps(self.metadata, sort_keys=True, default=float).encode())
        for path, leaf in jax.tree_util.tree_leaves_with_path(self.variables):
            array = np.ascontiguousarray(leaf)
            digest.update(f"{jax.tree_util.keystr(path)} {array.shape} {array.dtype}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:12]

    @property
    def own_module(self) -> str | None:
        """Name of the module's class, if it is not the network that ``config`` names but the caller's own."""
        kind = type(self.module)
        return None if kind is type(create_model(self.config)) else kind.__qualname__

    @property
    def single(self) -> "Predictor":
        """The same network run once, as the scene lies."""
        return dataclasses.replace(self, ensembles=False)

    @property
    def equivariant(self) -> bool:
        """Whether it answers alike in all orientations, so that its self-ensemble is one run and has no spread."""
        return self.own_module is None and self.config.name == "edsr-equivariant"

    @property
    def guided(self) -> bool:
        """Whether the model takes any guide."""
        return bool(self.guides)

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides it takes, such as ``("ndvi", "elevation")``; without one it answers as where all is missing."""
        return self.config.guides

    @property
    def needs_ndvi(self) -> bool:
        """Whether NDVI is among its ``guides``."""
        return "ndvi" in self.guides

    @property
    def conserves_energy(self) -> bool:
        """Whether maps are corrected so that pooling them gives back their source: unless it ``denoises``."""
        return not self.denoises

    @property
    def map_calibration(self) -> SpreadCalibration | None:
        """Of the spread of its maps: against ASTER if that was measured, else as at the scale of training."""
        return self.product_calibration or self.calibration

    @property
    def factor(self) -> int:
        """Fine resolution = coarse x factor."""
        return self.config.factor


_STATIC = ("config", "normalization", "denoises", "calibration", "product_calibration", "orientations", "ensembles")


def _same_array(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, jax.core.Tracer) or isinstance(other, jax.core.Tracer):
        return False
    return bool(np.array_equal(one, other))


def with_energy(resolver: SuperResolver, conserve: bool | None) -> SuperResolver:
    """The same super-resolver with another answer to whether maps are corrected.

    Args:
        resolver: any.
        conserve: whether they are; None: as the resolver says.
    """
    if conserve is None or conserve == resolver.conserves_energy:
        return resolver
    if isinstance(resolver, Predictor):
        return dataclasses.replace(resolver, denoises=not conserve)
    if isinstance(resolver, FunctionResolver):
        return dataclasses.replace(resolver, conserves_energy=conserve)
    others = tuple(name for name in guides_of(resolver) if name != "ndvi")
    return FunctionResolver(resolver, resolver.factor, resolver.needs_ndvi, conserve, other_guides=others)


@jax.jit
def _predict(predictor: Predictor, coarse: jax.Array, guides: dict[str, jax.Array]) -> jax.Array:
    def network(x: jax.Array) -> jax.Array:
        return predictor.module.apply(predictor.variables, x)  # type: ignore[return-value]

    return coarse_to_fine(network, coarse, predictor.config, predictor.normalization, **guides)


def _orientable(predictor: Predictor, guides: dict[str, jax.Array]) -> Callable[..., jax.Array]:
    """The network as a function of the coarse field and these guides in order, which are turned alike."""
    return lambda coarse, *fields: _predict(predictor, coarse, dict(zip(guides, fields, strict=True)))


@jax.jit
def _predict_mean(predictor: Predictor, coarse: jax.Array, guides: dict[str, jax.Array]) -> jax.Array:
    conserve, known = predictor.config.conserve_energy, predictor.orientations
    network = _orientable(predictor, guides)
    return known_mean(network, coarse, *guides.values(), conserve=conserve, known=known, traced=True)


@jax.jit
def _predict_ensemble(
    predictor: Predictor, coarse: jax.Array, guides: dict[str, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    conserve, known = predictor.conserves_energy, predictor.orientations
    network = _orientable(predictor, guides)
    return mean_and_spread(network, coarse, *guides.values(), conserve=conserve, known=known, traced=True)


def save_predictor(directory: str | Path, predictor: Predictor) -> None:
    """Write a predictor as a checkpoint directory that all commands take; the pairs it was trained on stay recorded.

    Raises:
        InputError: if the directory exists already.
    """
    pairs = predictor.provenance.pairs if predictor.provenance else {}
    record = {"pairs": {"trained_on": dict(pairs)}} if pairs else {}
    write_checkpoint(Path(directory), predictor.variables, {**predictor.metadata, **record})


def load_predictor(path: str | Path, *, module: nn.Module | None = None) -> Predictor:
    """Read a predictor from a checkpoint directory or a training workdir (its best checkpoint).

    Args:
        path: of the checkpoint, or the name of a shipped model: ``default``, ``guided``, ``guided-denoise``,
            ``denoise``, ``mrunet`` and others (docs/models.md).
        module: the network, if it is your own: a checkpoint stores the name of its class only.

    Raises:
        InputError: if there is no readable checkpoint, or its arrays do not fit the model.
    """
    directory = find_checkpoint(path)
    metadata = read_metadata(directory)
    try:
        config = ModelConfig(**metadata["model"])
        normalization = Normalization(**metadata["normalization"])
        calibration, product_calibration = (
            SpreadCalibration(**metadata[key]) if metadata.get(key) else None
            for key in ("calibration", "product_calibration")
        )
        network = create_model(config) if module is None else module
    except (TypeError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise InputError(f"{directory}: its configuration names no model of this version: {line}") from error
    if module is None and "module" in metadata:
        name = metadata["module"]
        raise InputError(f"{directory}: holds a network of its author's own: load_predictor(path, module={name}(...))")
    side = 16 * config.factor
    shape = (1, side, side, input_channels(config))
    abstract = jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), abstract)
    variables = read_variables(directory, abstract)
    variables = jax.tree.map(lambda leaf: jnp.asarray(jax.device_get(leaf)), variables)  # bound to no device
    expected = weights.expected_fingerprint(directory)
    if expected is not None and fingerprint(variables) != expected:
        raise InputError(f"{directory}: the weights are not those that were shipped; install the package again")
    noisy = metadata.get("train", {}).get("input_noise_k", 0) > 0
    denoises = bool(metadata.get("denoises", noisy and not config.conserve_energy))
    orientations = metadata.get("orientations", metadata.get("train", {}).get("augment", "dihedral"))
    ensembles = bool(metadata.get("ensembles", False))
    return Predictor(
        variables,
        network,
        config,
        normalization,
        denoises,
        calibration,
        product_calibration,
        orientations,
        ensembles,
        Provenance(str(path), training_step(directory), metadata),
    )
