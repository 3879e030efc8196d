"""What may be a row of a table, and what the row is called."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import jax

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.methods import ScoredMethod, classical_method, network_method, with_self_ensembles
from lstsr_jax.evaluation.protocols import MethodSettings
from lstsr_jax.methods import METHODS
from lstsr_jax.predictor import DEFAULT_FACTOR, Predictor, SuperResolver, as_super_resolver
from lstsr_jax.predictor.checkpoint import checkpoint_name
from lstsr_jax.predictor.resolver import name_of

Row = str | SuperResolver | Callable[[jax.Array], jax.Array]
"""The name of a method of :data:`lstsr_jax.methods.METHODS`, a network or another super-resolver, or any function
``(B, h, w, 1)`` K -> ``(B, h*f, w*f, 1)`` K; one that takes NDVI too is wrapped by
:func:`lstsr_jax.as_super_resolver`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table.

    Attributes:
        methods: in order.
        networks: by name of their row, self-ensembles among them.
        own: names of the rows that are neither classical nor a self-ensemble.
    """

    methods: list[ScoredMethod]
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
    """The factor of a table: the one given, that of its networks and other super-resolvers, else 4.

    Raises:
        InputError: if they differ.
    """
    factors = {row.factor for row in rows if isinstance(row, SuperResolver)}
    if len(factors) > 1:
        raise InputError(f"`checkpoint`: the networks differ in factor ({sorted(factors)}); evaluate them apart")
    if factor is not None and factors - {factor}:
        raise InputError(f"factor {factor}: the networks have {factors.pop()}; evaluate them apart")
    return factor or next(iter(factors), DEFAULT_FACTOR)


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
            if name in METHODS and row != name:
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
) -> Rows:
    """The rows of a table.

    Args:
        rows: see :data:`Row`; a mapping names them.
        settings: of the protocol.
        factor: of all rows.
        self_ensemble: add each network's self-ensemble below it.

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
    methods: list[ScoredMethod] = []
    for name, row in named.items():
        if isinstance(row, str):
            methods.append(dataclasses.replace(classical_method(row, settings, factor), name=name))
        elif isinstance(row, Predictor):
            methods += [network_method(key, network, settings) for key, network in groups[name].items()]
        else:
            methods.append(ScoredMethod(name, as_super_resolver(row, factor)))
    return Rows(methods, with_ensembles, [name for name, row in named.items() if not isinstance(row, str)])


def _name(row: Row, several: bool) -> str:
    if isinstance(row, Predictor):
        return checkpoint_name(row.provenance.path) if several and row.provenance else row.config.name
    return row if isinstance(row, str) else name_of(row)


def _unique(name: str, taken: Mapping[str, object]) -> str:
    """``name``, or ``name-2`` and so on where it is taken or that of a classical method."""
    unique, number = name, 1
    while unique in taken or unique in METHODS:
        number += 1
        unique = f"{name}-{number}"
    return unique
