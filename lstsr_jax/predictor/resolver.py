"""What makes a fine field of a coarse one, whatever it is inside: the one form that maps and tables ask for."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from lstsr_jax.predictor.guides import Guides, call_guided, given
from lstsr_jax.predictor.self_ensemble import mean_and_spread

DEFAULT_FACTOR = 4
"""1 km to 250 m."""


@runtime_checkable
class SuperResolver(Protocol):
    """A method: a network (:class:`lstsr_jax.Predictor`), an interpolation, or any function that is wrapped.

    Fields are ``(B, h, w, 1)`` K without gaps and ``(B, h*f, w*f, 1)``; NDVI is NaN where there is none. One that takes
    other guides names them all in an attribute ``guides``, such as ``("ndvi", "elevation")``, and is called with those
    that there are by name: ``(coarse, ndvi, elevation=elevation)``.
    """

    @property
    def factor(self) -> int:
        """f: fine resolution = coarse x factor."""

    @property
    def needs_ndvi(self) -> bool:
        """Whether it takes fine NDVI."""

    @property
    def conserves_energy(self) -> bool:
        """Whether maps made with it are corrected, so that pooling them gives back their source."""

    def __call__(self, coarse: jax.Array, ndvi: jax.Array | None = None) -> Any:
        """The fine field."""

    def ensemble(self, coarse: jax.Array, ndvi: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        """Mean and standard deviation over the flips and rotations of the input, each as the fine field."""


@dataclasses.dataclass(frozen=True)
class SpreadCalibration:
    """What makes an error's standard deviation of the self-ensemble's spread; fitted by ``evaluate(reliability=True)``.

    Attributes:
        floor_k: where the eight orientations agree, K.
        scale: per kelvin of spread.
    """

    floor_k: float
    scale: float

    def sigma(self, spread: np.ndarray) -> np.ndarray:
        """``sqrt(floor^2 + (scale * spread)^2)`` in K, of the same shape."""
        return np.sqrt(np.float32(self.floor_k) ** 2 + np.square(np.float32(self.scale) * spread))


@runtime_checkable
class Calibrated(Protocol):
    """A super-resolver that may know what its spread says of its error."""

    @property
    def calibration(self) -> SpreadCalibration | None:
        """Of its ensemble's spread at the scale it was trained at; None if it was not measured."""

    @property
    def map_calibration(self) -> SpreadCalibration | None:
        """Of the spread of its maps; None if it was not measured."""


@dataclasses.dataclass(frozen=True)
class FunctionResolver:
    """A function as a :class:`SuperResolver`.

    Attributes:
        function: ``(B, h, w, 1)`` K, and ``(B, h*f, w*f, 1)`` NDVI if it is given any -> ``(B, h*f, w*f, 1)`` K.
            It need not be traceable.
        factor: f.
        needs_ndvi: whether it is to be called with NDVI.
        conserves_energy: whether maps are to be corrected.
        calibration: of its ensemble's spread.
        whole_field: fits something to the field, which it takes as a whole with its NaN gaps: maps are not tiled.
        reports_progress: whether the function takes ``progress=``, which is told how many of its parts are done.
        name: of the method.
        other_guides: guides beside NDVI that it takes, by name.
    """

    function: Callable[..., Any]
    factor: int = DEFAULT_FACTOR
    needs_ndvi: bool = False
    conserves_energy: bool = True
    calibration: SpreadCalibration | None = None
    whole_field: bool = False
    reports_progress: bool = False
    name: str = "function"
    other_guides: tuple[str, ...] = ()

    @property
    def guides(self) -> tuple[str, ...]:
        """All guides that it takes."""
        return (*(("ndvi",) if self.needs_ndvi else ()), *self.other_guides)

    @property
    def map_calibration(self) -> SpreadCalibration | None:
        """As ``calibration``."""
        return self.calibration

    def __call__(self, coarse: jax.Array, ndvi: jax.Array | None = None, **others: jax.Array) -> Any:
        """What the function answers.

        Raises:
            ValueError: if it needs NDVI and is given none.
        """
        return call_guided(self.function, coarse, self._given(ndvi, others))

    def ensemble(
        self, coarse: jax.Array, ndvi: jax.Array | None = None, **others: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Mean and standard deviation over the eight flips and rotations; corrected if it conserves energy."""
        guides = self._given(ndvi, others)

        def function(coarse: jax.Array, *fields: jax.Array) -> Any:
            return call_guided(self.function, coarse, dict(zip(guides, fields, strict=True)))

        return mean_and_spread(function, coarse, *guides.values(), conserve=self.conserves_energy)

    def _given(self, ndvi: jax.Array | None, others: Guides) -> Guides:
        if self.needs_ndvi and ndvi is None:
            raise ValueError(f"{self.name} needs fine NDVI beside the coarse LST: give ndvi")
        return given(ndvi=ndvi, **others)


def as_super_resolver(
    function: Callable[..., Any],
    factor: int | None = None,
    *,
    needs_ndvi: bool = False,
    conserves_energy: bool = True,
    calibration: SpreadCalibration | None = None,
) -> SuperResolver:
    """Wrap a plain function; a :class:`SuperResolver` is returned as it is.

    Args:
        function: ``(B, h, w, 1)`` K without gaps, and ``(B, h*f, w*f, 1)`` NDVI if it is given any ->
            ``(B, h*f, w*f, 1)`` K, such as ``functools.partial(upsample, factor=2)``. It is called as it is: compile it
            with :func:`jax.jit` first if that pays.
        factor: f; None: the function's own attribute ``factor``, or 4 if it has none.
        needs_ndvi: whether tables leave images without NDVI out, and call it with NDVI.
        conserves_energy: whether maps are corrected so that pooling them gives back their source.
        calibration: makes an error's standard deviation of its ensemble's spread.

    Raises:
        ValueError: if a super-resolver has another factor than the one given, or options are given beside it.

    Example:
        >>> import functools
        >>> from lstsr_jax import as_super_resolver, upsample
        >>> as_super_resolver(functools.partial(upsample, factor=2), factor=2).factor
        2
    """
    if isinstance(function, SuperResolver):
        if factor is not None and factor != function.factor:
            raise ValueError(f"factor {factor}: this super-resolver has factor {function.factor}")
        if needs_ndvi or not conserves_energy or calibration is not None:
            raise ValueError("a super-resolver answers for itself: leave needs_ndvi, conserves_energy, calibration out")
        return function
    factor = getattr(function, "factor", DEFAULT_FACTOR) if factor is None else factor
    return FunctionResolver(function, factor, needs_ndvi, conserves_energy, calibration, name=name_of(function))


def name_of(function: Callable[..., Any]) -> str:
    """What to call a function or a super-resolver."""
    if isinstance(function, FunctionResolver):
        return function.name
    inner = getattr(function, "func", function)  # of a functools.partial
    name = str(getattr(inner, "__name__", type(inner).__name__))
    return name if name.isidentifier() else "function"  # <lambda>
