"""An exported model as a function. Imports JAX and numpy, and nothing that networks are written in."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from lstsr_jax.errors import InputError, first_line
from lstsr_jax.export.sidecar import read
from lstsr_jax.ops.observed import as_float
from lstsr_jax.predictor.guides import CHANNELS, given
from lstsr_jax.predictor.resolver import SpreadCalibration
from lstsr_jax.predictor.self_ensemble import mean_and_spread


@dataclasses.dataclass(frozen=True, eq=False)
class ExportedModel:
    """An exported model: a :class:`lstsr_jax.SuperResolver` that needs no network code.

    ``model(coarse)`` maps ``(B, h, w, 1)`` K without NaN to ``(B, h*f, w*f, 1)`` K, and one that is guided takes
    ``model(coarse, ndvi, elevation=elevation)``, those of its ``guides`` that there are, NaN in gaps. It is compiled
    once for each shape and may be used under :func:`jax.jit`; it has no gradient, and no :func:`jax.vmap`: the batch is
    its first axis.

    Attributes:
        about: what the JSON beside it says.
        function: the deserialised function, compiled.
    """

    about: Mapping[str, Any]
    function: Callable[..., jax.Array] = dataclasses.field(repr=False)

    def __repr__(self) -> str:
        """One line."""
        model = self.about["model"]
        return f"ExportedModel({model['name']}, {model['fingerprint']}, factor {self.factor})"

    def __call__(
        self, coarse: jax.Array, ndvi: jax.Array | None = None, *, elevation: jax.Array | None = None
    ) -> jax.Array:
        """Super-resolve a batch of coarse fields.

        Raises:
            ValueError: if ``coarse`` is not ``(B, h, w, 1)`` of a size that was exported, or a guide is given that does
                not fit it or the model.
        """
        coarse = jnp.asarray(as_float("coarse", coarse), jnp.float32)
        if coarse.ndim != 4 or coarse.shape[-1] != 1:
            raise ValueError(f"coarse must be (B, h, w, 1) in kelvin, got {coarse.shape}: add or select axes")
        self._require_size(coarse.shape)
        fine = (coarse.shape[0], coarse.shape[1] * self.factor, coarse.shape[2] * self.factor, 1)
        fields = {name: as_float(name, field) for name, field in given(ndvi=ndvi, elevation=elevation).items()}
        for name, field in fields.items():
            if name not in self.guides:
                raise ValueError(f"this model is not guided by {CHANNELS[name].text}: leave {name} out")
            if field.shape != fine:
                raise ValueError(f"{name} {field.shape} must be coarse {coarse.shape} times the factor {self.factor}")
        nowhere = jnp.full(fine, jnp.nan)
        return self.function(coarse, *(jnp.asarray(fields.get(name, nowhere), jnp.float32) for name in self.guides))

    def ensemble(
        self, coarse: jax.Array, ndvi: jax.Array | None = None, *, elevation: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """Mean and standard deviation over the flips and rotations, as :meth:`lstsr_jax.Predictor.ensemble`.

        Called once for each, and not compiled as a whole: the last digits differ.

        Raises:
            ValueError: as for a call.
        """
        guides = given(ndvi=ndvi, elevation=elevation)
        known = self.about["model"]["orientations"]

        def answer(coarse: jax.Array, *fields: jax.Array) -> jax.Array:
            return self(coarse, **dict(zip(guides, fields, strict=True)))

        return mean_and_spread(answer, coarse, *guides.values(), conserve=self.conserves_energy, known=known)

    def _require_size(self, shape: tuple[int, ...]) -> None:
        sizes = self.about["sizes"]
        if sizes["shape"] is not None:
            if shape[:3] != tuple(sizes["shape"]):
                raise ValueError(
                    f"coarse {shape} must be {(*sizes['shape'], 1)}: the model was exported for that shape only"
                )
            return
        multiple, least = sizes["multiple_of"], sizes["at_least"]
        if any(side % multiple or side < least for side in shape[1:3]):
            raise ValueError(
                f"coarse {shape} must be of height and width in multiples of {multiple}, at least {least}, for this "
                "network: pad it by its edge, and crop the answer"
            )

    @property
    def factor(self) -> int:
        """Fine resolution = coarse x factor."""
        return int(self.about["factor"])

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides it takes, by name; without one it answers too, as where all of it is missing."""
        return tuple(one["name"] for one in self.about["inputs"][1:])

    @property
    def needs_ndvi(self) -> bool:
        """Whether NDVI is among its ``guides``."""
        return "ndvi" in self.guides

    @property
    def conserves_energy(self) -> bool:
        """Whether maps are corrected so that pooling them gives back their source."""
        return bool(self.about["energy"]["maps_conserve"])

    @property
    def fingerprint(self) -> str:
        """Of the predictor that was exported."""
        return str(self.about["model"]["fingerprint"])

    @property
    def calibration(self) -> SpreadCalibration | None:
        """Of its ensemble's spread at the scale it was trained at; None if it was not measured."""
        return self._calibration("calibration")

    @property
    def map_calibration(self) -> SpreadCalibration | None:
        """Of the spread of its maps; None if it was not measured."""
        return self._calibration("product_calibration") or self.calibration

    def _calibration(self, key: str) -> SpreadCalibration | None:
        values = self.about["model"].get(key)
        return SpreadCalibration(**values) if values else None


def load_exported(path: str | Path) -> ExportedModel:
    """Read what :func:`lstsr_jax.export_predictor` wrote; the file and its JSON are checked against each other.

    Needs JAX, numpy and flatbuffers (extra ``export``), neither Flax nor the network's code.

    Args:
        path: of the model; its JSON lies beside it.

    Raises:
        InputError: if a file is missing or damaged, they do not belong together, or this JAX or this device cannot run
            the model.
    """
    path = Path(path)
    serialized, about = read(path)
    convention = about["calling_convention"]
    least, most = (
        export.minimum_supported_calling_convention_version,
        export.maximum_supported_calling_convention_version,
    )
    if not least <= convention["version"] <= most:
        raise InputError(
            f"{path}: was exported by JAX {convention['jax']} in calling convention {convention['version']}, JAX "
            f"{jax.__version__} runs {least} to {most}; export the model anew, or with another version of JAX"
        )
    platform = export.default_export_platform()
    if platform not in convention["platforms"]:
        raise InputError(f"{path}: was exported for {', '.join(convention['platforms'])}, and this is {platform}")
    try:
        function = jax.jit(export.deserialize(bytearray(serialized)).call)
        function.lower(*_smallest(about))  # what this JAX cannot run shows here, not at the first call
    except ImportError:
        raise InputError(f"{path}: needs flatbuffers; run pip install 'lstsr-jax[export]'") from None
    except Exception as error:  # MLIR's and flatbuffers' own, of many kinds
        raise InputError(
            f"{path}: was exported by JAX {convention['jax']}, JAX {jax.__version__} cannot run it "
            f"({first_line(error).rstrip('.')}); export the model anew with this JAX, or run it with a later one"
        ) from error
    return ExportedModel(about, function)


def _smallest(about: Mapping[str, Any]) -> list[jax.ShapeDtypeStruct]:
    """Inputs of the smallest size that the model takes."""
    sizes = about["sizes"]
    batch, *sides = sizes["shape"] or (1, sizes["at_least"], sizes["at_least"])
    scales = (1, *[about["factor"]] * (len(about["inputs"]) - 1))
    return [jax.ShapeDtypeStruct((batch, *(side * scale for side in sides), 1), jnp.float32) for scale in scales]
