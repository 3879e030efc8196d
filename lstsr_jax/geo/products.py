"""Which products are read, and what the others are called in messages."""

import re
from typing import Final

LST_PRODUCTS: Final = ("MOD11A1", "MYD11A1")
NDVI_PRODUCTS: Final = ("MOD13A2", "MOD13Q1", "MYD13A2", "MYD13Q1")
LST_EXPECTED: Final = f"give daily 1 km LST: {' or '.join(LST_PRODUCTS)}"
NDVI_EXPECTED: Final = f"give 16-day NDVI: {', '.join(NDVI_PRODUCTS)}"

_LST_FAMILY = r"(?:M[OY]D(?:11|21)|V(?:NP|J1|J2)21)"
_KINDS: Final = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (_LST_FAMILY + r"(?:_L2\w*|_NRT|GA|G[DN]|IMG|)", "LST of a swath"),
        (r"M[OY]D11A1|M[OY]D21A1[DN]?|V(?:NP|J1|J2)21A1[DN]?", "daily LST at 1 km"),
        (_LST_FAMILY + "A2", "8-day means of LST at 1 km"),
        (_LST_FAMILY + "B1", "daily LST at 6 km"),
        (_LST_FAMILY + "B2", "8-day means of LST at 6 km"),
        (_LST_FAMILY + "(?:B3|A3)", "monthly means of LST"),
        (_LST_FAMILY + "C1", "daily LST at 0.05 degrees"),
        (_LST_FAMILY + "C2", "8-day means of LST at 0.05 degrees"),
        (_LST_FAMILY + "C3", "monthly means of LST at 0.05 degrees"),
        (r"ECO.*LST.*", "ECOSTRESS LST at 70 m"),
        (r"(?:M[OY]D|V(?:NP|J1|J2))13\w*", "vegetation indices"),
    )
)
_SHORT = re.compile(rf"(?<![A-Z0-9])(?P<short>{_LST_FAMILY}(?:_L2|[A-C]\d[DN]?|G[A-Z])?)(?![A-Z0-9]*\d{{5}})", re.I)
_APPEEARS = re.compile(r"(?:^|[^A-Z0-9])(?P<short>[A-Z][A-Z0-9]{2}\d{2}[A-Z0-9]{1,4})\.\d{3}.*_aid\d{4}\.\w+$", re.I)
_WITHOUT_PRODUCTION = re.compile(r"M[OY]D11A1\.A\d{7}\.h\d\dv\d\d\.\d{3}(?!\.\d{13})", re.I)


def describe_product(short_name: str) -> str:
    """A product's short name, with what it is where that is known: "MOD11A2 (8-day means of LST at 1 km)"."""
    kind = next((kind for pattern, kind in _KINDS if pattern.fullmatch(short_name.upper())), None)
    return f"{short_name} ({kind})" if kind else short_name


def foreign_kind(name: str) -> str | None:
    """What a file is by its name, if that is not the name of a tiled MODIS granule.

    Args:
        name: file name.

    Returns:
        A phrase such as "looks like MOD11_L2 (LST of a swath)"; None where the name tells nothing.
    """
    if re.match(r"ECO.*LST", name, re.I):
        return "looks like ECOSTRESS LST at 70 m"
    if found := _APPEEARS.search(name):
        return f"looks like an AppEEARS extract of {describe_product(found['short'].upper())}"
    if _WITHOUT_PRODUCTION.match(name):
        return "no production time (YYYYDDDHHMMSS) after the collection in its name"
    if (found := _SHORT.search(name)) and found["short"].upper() not in LST_PRODUCTS:
        return f"looks like {describe_product(found['short'].upper())}"
    return None
