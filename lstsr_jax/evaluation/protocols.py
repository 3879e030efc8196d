"""How a table is scored: the two protocols, named in every report."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from lstsr_jax.config import Upsampling
from lstsr_jax.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """How a protocol sets up the methods.

    Attributes:
        network_upsampling: interpolation of the networks' input, or None for what each was trained with.
        options: of the methods that need no checkpoint, by name.
    """

    network_upsampling: Upsampling | None = None
    options: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol(MethodSettings):
    """What is scored, the same for every image; the dynamic range is always that of each truth image.

    Attributes:
        name: as given on the command line.
        description: one line for the report.
        crop: pixels left out on every side of interpolated fields.
        crop_learned: the same for networks and ATPRK.
        baseline: the interpolation that networks are compared with, image by image.
    """

    name: str
    description: str
    crop: int
    crop_learned: int
    baseline: str


STRICT = Protocol(
    name="strict",
    description="true bicubic; every method scored on the same pixels, 4 left out on each side; range of each truth "
    "image",
    crop=4,
    crop_learned=4,
    baseline="bicubic",
)
PAPER = Protocol(
    name="paper",
    description="as the authors ran it: the input of networks interpolated bilinearly; networks and ATPRK scored "
    "without 4 pixels on each side, interpolation on the whole image; range of each truth image; NDVI pooled by L4, "
    "ATPRK with a 3x3 window and bare borders; what the paper prints as bicubic is bilinear",
    network_upsampling="bilinear",
    crop=0,
    crop_learned=4,
    baseline="bilinear",
    options={
        "tsharp": {"ndvi_pool": "l4"},
        "atprk": {"ndvi_pool": "l4", "window": 3, "border": "paper"},
        "atprk-mean": {"window": 3, "border": "paper"},
    },
)
PROTOCOLS = {protocol.name: protocol for protocol in (STRICT, PAPER)}


def protocol(name: str) -> Protocol:
    """The protocol called ``name``.

    Raises:
        InputError: if there is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f"`protocol` {name}: unknown; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def protocol_of(given: Protocol | str) -> Protocol:
    """A protocol, or the one called so."""
    return protocol(given) if isinstance(given, str) else given
