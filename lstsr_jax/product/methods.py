"""What a product is made by, and what is recorded of it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.methods import METHODS, method
from lstsr_jax.predictor import Calibrated, FunctionResolver, Predictor, SuperResolver, load_predictor, with_energy
from lstsr_jax.predictor.checkpoint import checkpoint_name
from lstsr_jax.predictor.guides import CHANNELS, given, guides_of
from lstsr_jax.predictor.provenance import Provenance
from lstsr_jax.product.guide import GIVE
from lstsr_jax.product.settings import Inference
from lstsr_jax.scene import SceneSteps

Field = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class MapMethod:
    """A super-resolver, and what the tags of its maps say of it.

    Attributes:
        resolver: the method.
        name: of the network's model, or of the method.
        checkpoint: fingerprint of the network, or "none".
        guides: files of the guides it takes, by name; NDVI also a directory.
        model: what the network was asked for by: a shipped model's name such as ``default``, or that of its workdir.
        provenance: where the network comes from and what it was trained on, if it says so.
    """

    resolver: SuperResolver
    name: str
    checkpoint: str = "none"
    guides: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    model: str = ""
    provenance: Provenance | None = None

    @property
    def factor(self) -> int:
        """Fine = coarse x factor."""
        return self.resolver.factor

    @property
    def conserves(self) -> bool:
        """Whether the result is corrected so that pooling it gives back the source."""
        return self.resolver.conserves_energy

    @property
    def sees_neighbours(self) -> bool:
        """Whether its maps can see into neighbouring granules: not with guides, or a fit to the scene."""
        fits = isinstance(self.resolver, FunctionResolver) and self.resolver.whole_field
        return not fits and not self.guides

    @property
    def calibrated(self) -> bool:
        """Whether its spread is the error's standard deviation."""
        return isinstance(self.resolver, Calibrated) and self.resolver.map_calibration is not None

    def asked_for(self, inference: Inference) -> "MapMethod":
        """The method as it is to be used.

        Raises:
            InputError: if a spread is asked for that it does not have, or several jobs for one device.
        """
        if inference.spread and self.name in METHODS:
            raise InputError(f"`spread`: is the network's; {self.name} has none")
        if inference.spread and isinstance(self.resolver, Predictor) and self.resolver.equivariant:
            raise InputError(f"`spread`: {self.name} answers alike in every orientation, so it has none; leave it out")
        if inference.jobs > 1 and self.name not in METHODS:
            raise InputError(f"`jobs` {inference.jobs}: a network has the whole device by itself; leave it out")
        return dataclasses.replace(self, resolver=with_energy(self.resolver, inference.conserve_energy))

    def begin(
        self, lst: Field, guides: Mapping[str, Field], inference: Inference, origin: tuple[int, int] = (0, 0)
    ) -> SceneSteps:
        """The steps from LST ``(H, W)`` K with gaps, and fine guides, to the map; see :meth:`SceneSteps.begin`."""
        return SceneSteps.begin(
            self.resolver, lst, guides, spread=inference.spread, tiling=inference.tiling(), origin=origin
        )


def choose_method(
    checkpoint: str | None, name: str | None, ndvi: Path | None = None, elevation: Path | None = None
) -> MapMethod:
    """Set up the method that a command asks for.

    Args:
        checkpoint: directory or name that :func:`lstsr_jax.load_predictor` takes, or None.
        name: of a method of :data:`lstsr_jax.methods.METHODS`, or None for the network of the checkpoint.
        ndvi: NDVI file or directory, for methods that need it and networks that are guided by it.
        elevation: DEM, for networks that are guided by it.

    Raises:
        InputError: if there is no checkpoint, or the settings do not go together.
    """
    guides: dict[str, Path] = given(ndvi=ndvi, elevation=elevation)
    if checkpoint and name:
        raise InputError(f"`method` {name}: is made without a network; leave `checkpoint` or `method` out")
    if checkpoint:
        predictor = load_predictor(str(checkpoint))
        chosen = MapMethod(
            predictor,
            predictor.config.name,
            predictor.fingerprint,
            guides,
            checkpoint_name(str(checkpoint)),
            predictor.provenance,
        )
    elif name:
        chosen = MapMethod(method(name), name, guides=guides)
    else:
        models = "a shipped model such as default, a training workdir or a checkpoint"
        raise InputError(f"`checkpoint`: give {models}, or `method` bicubic to do without")
    if name and chosen.resolver.needs_ndvi and ndvi is None:
        raise InputError(f"`method` {name}: needs `ndvi`, {GIVE['ndvi']}")
    for guide in guides:
        if guide not in guides_of(chosen.resolver):
            text = CHANNELS[guide].text
            raise InputError(f"`{guide}`: {name or chosen.model} takes no {text}; leave it out")
    return chosen
