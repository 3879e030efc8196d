"""What may be a row of a table, and what the row is called."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import jax

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.methods import CLASSICAL, Method, build_methods, classical_method, with_self_ensembles
from lstsr_jax.evaluation.protocols import MethodSettings
from lstsr_jax.predictor import Predictor
from lstsr_jax.predictor.checkpoint import checkpoint_name

Row = str | Predictor | Method | Callable[[jax.Array], jax.Array]
"""The name of a classical method, a network, any function ``(B, h, w, 1)`` K -> ``(B, h*f, w*f, 1)`` K, or a
:class:`Method`, for a function that takes NDVI too or is to be scored without the border of networks."""
Classical = Callable[[str, MethodSettings, int], Method]
DEFAULT_FACTOR = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table.

    Attributes:
        methods: in order.
        networks: by name of their row, self-ensembles among them.
        own: names of the rows that are neither classical nor a self-ensemble.
    """

    methods: list[Method]
    networks: dict[str, Predictor]
    own: list[str]

    @property
    def own_networks(self) -> dict[str, Predictor]:
        """The networks without the self-ensembles that were added."""
        return {name: self.networks[name] for name in self.own if name in self.networks}

    def describe(self) -> dict[str, dict[str, str | None]]:
        """What ``metrics.json`` says of each network's row: the path it was loaded from, and its fingerprint."""
        return {
            name: {"path": network.provenance.path if network.provenance else None, "fingerprint": network.fingerprint}
            for name, network in self.networks.items()
        }


def common_factor(rows: Iterable[Row], factor: int | None) -> int:
    """The factor of a table: the one given, that of its networks, else 4.

    Raises:
        InputError: if they differ.
    """
    networks = {row.factor for row in rows if isinstance(row, Predictor)}
    if len(networks) > 1:
        raise InputError(f"`checkpoint`: the networks differ in factor ({sorted(networks)}); evaluate them apart")
    if factor is not None and networks - {factor}:
        raise InputError(f"factor {factor}: the networks have {networks.pop()}; evaluate them apart")
    return factor or next(iter(networks), DEFAULT_FACTOR)


def name_rows(rows: Sequence[Row] | Mapping[str, Row]) -> dict[str, Row]:
    """A name for every row.

    A classical method is called by its name; a single network after its model, several after where they were loaded
    from: ``mrunet`` alone, ``default`` and ``my-run`` of two; a function by its own name; a second of a name is
    ``my-run-2``. The keys of a mapping are taken as they are.

    Raises:
        InputError: if a key is the name of another classical method.
    """
    if isinstance(rows, Mapping):
        for name, row in rows.items():
            if name in CLASSICAL and row != name:
                raise InputError(f"row {name}: is the name of a classical method; choose another")
        return dict(rows)
    several = sum(isinstance(row, Predictor) for row in rows) > 1
    named: dict[str, Row] = {}
    for row in rows:
        named[row if isinstance(row, str) else _unique(_name(row, several), named)] = row
    return named


def build_rows(
    rows: Sequence[Row] | Mapping[str, Row],
    settings: MethodSettings,
    factor: int,
    *,
    self_ensemble: bool = False,
    classical: Classical = classical_method,
) -> Rows:
    """The rows of a table.

    Args:
        rows: see :data:`Row`; a mapping names them.
        settings: of the protocol.
        factor: of all rows.
        self_ensemble: add each network's self-ensemble below it.
        classical: makes the method of a name.

    Raises:
        InputError: if there is no row, or a classical method is unknown.
    """
    if not rows:
        raise InputError("`methods`: give at least one method or network")
    named = name_rows(rows)
    networks = {name: row for name, row in named.items() if isinstance(row, Predictor)}
    with_ensembles = with_self_ensembles(networks) if self_ensemble else networks
    groups: dict[str, dict[str, Predictor]] = {}
    for name, network in with_ensembles.items():  # a self-ensemble follows its network
        if name in networks:
            group = groups[name] = {}
        group[name] = network
    methods: list[Method] = []
    for name, row in named.items():
        if isinstance(row, str):
            methods.append(dataclasses.replace(classical(row, settings, factor), name=name))
        elif isinstance(row, Predictor):
            methods += build_methods([], groups[name], settings, factor)
        elif isinstance(row, Method):
            methods.append(dataclasses.replace(row, name=name))
        else:
            methods.append(Method(name, _without_ndvi(row)))
    return Rows(methods, with_ensembles, [name for name, row in named.items() if not isinstance(row, str)])


def _without_ndvi(function: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array, object], jax.Array]:
    return lambda coarse, ndvi: function(coarse)


def _name(row: Row, several: bool) -> str:
    if isinstance(row, Method):
        return row.name
    if isinstance(row, Predictor):
        return checkpoint_name(row.provenance.path) if several and row.provenance else row.config.name
    function = getattr(row, "func", row)  # of a functools.partial
    name = str(getattr(function, "__name__", type(function).__name__))
    return name if name.isidentifier() else "function"  # <lambda>


def _unique(name: str, taken: Mapping[str, object]) -> str:
    """``name``, or ``name-2`` and so on where it is taken or that of a classical method."""
    unique, number = name, 1
    while unique in taken or unique.removesuffix("-mean") in CLASSICAL:
        number += 1
        unique = f"{name}-{number}"
    return unique
