"""Where a predictor comes from, and what its checkpoint says of its training."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from lstsr_jax.config import DataConfig, TrainConfig
from lstsr_jax.errors import InputError, first_line
from lstsr_jax.predictor import shipped


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a predictor was loaded from, and the record of its training.

    Two of them always compare equal: where a network comes from decides nothing of its answer. So predictors of one
    model share their compiled programs, and ``jax.tree.map`` takes them together. So, too, a compiled function that
    returns a predictor may return it with the provenance of another one of its model: pass arrays out, not predictors.

    Attributes:
        path: as it was given to :func:`lstsr_jax.load_predictor`: a directory, or the name of a shipped model.
        step: of the training, if it was loaded from a training workdir.
        recorded: the JSON configuration of the checkpoint.
    """

    path: str = dataclasses.field(compare=False)
    step: int | None = dataclasses.field(default=None, compare=False)
    recorded: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @property
    def data(self) -> DataConfig | None:
        """The patches it was trained on; None if the checkpoint does not say.

        Raises:
            InputError: if what it says does not fit this version.
        """
        result: DataConfig | None = self._part("data", DataConfig)
        return result

    @property
    def train(self) -> TrainConfig | None:
        """How it was trained; None if the checkpoint does not say.

        Raises:
            InputError: if what it says does not fit this version.
        """
        result: TrainConfig | None = self._part("train", TrainConfig)
        return result

    @property
    def used_validation(self) -> bool:
        """Whether it was trained on the validation split too."""
        return bool((self.recorded.get("train") or {}).get("use_validation", False))

    @property
    def acquisitions(self) -> Mapping[str, Mapping[str, str]] | None:
        """Product, tile and dates of the dataset it was trained on (``Acquisitions.to_json``), if they are recorded."""
        found: Mapping[str, Mapping[str, str]] | None = (
            (self.recorded.get("dataset") or {}).get("build", {}).get("acquisitions")
        )
        return found

    @property
    def pairs(self) -> Mapping[str, str]:
        """The pairs with ASTER that it was trained on, or the model that its training started from.

        Names by fingerprint (:attr:`lstsr_jax.geo.Pair.fingerprint`); empty if it records none.
        """
        begun = (self.recorded.get("init") or {}).get("pairs") or {}
        return {**begun, **((self.recorded.get("pairs") or {}).get("trained_on") or {})}

    @property
    def products(self) -> tuple[str, ...] | None:
        """The LST products it was trained on, or the model that it started from, such as ``("MOD11A1",)``.

        None if that is not known.
        """
        known, begun = self.acquisitions, (self.recorded.get("init") or {}).get("products") or ()
        if known is None:
            return tuple(begun) or shipped.trained_products(self.path)
        return tuple(sorted({*begun, *(place.partition(".")[0] for place in known)}))

    def foreign_products(self, used: Iterable[str]) -> str:
        """One line if it is used on products that it was not trained on; else nothing.

        Args:
            used: the products.
        """
        trained = self.products
        foreign = sorted(set(used) - set(trained or ()))
        if trained is None or not foreign:
            return ""
        return (
            f"{self.path} was trained on {', '.join(trained)}, not on {', '.join(foreign)}: another sensor or "
            "algorithm, for which its gain is not known; see docs/products.md"
        )

    def foreign_tiles(self, used: Iterable[str]) -> str:
        """One line if it is a shipped model for some tiles alone and is used on others; else nothing.

        Args:
            used: the tiles.
        """
        stated = shipped.stated_tiles(self.path)
        foreign = sorted(set(used) - set(stated or ()))
        if stated is None or not foreign:
            return ""
        return (
            f"{self.path} knows the places of {', '.join(stated)} and is worse than bicubic on others, such as "
            f"{', '.join(foreign)}: take another model; see docs/models.md"
        )

    def _part(self, name: str, kind: Any) -> Any:
        values = self.recorded.get(name)
        try:
            return None if values is None else kind(**values)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.path}: written by another version of lstsr_jax: {first_line(error)}") from error
