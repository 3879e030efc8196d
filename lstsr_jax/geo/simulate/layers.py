"""How the products store and describe their datasets: what the writers of simulated granules follow."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.products import PRODUCTS, Product
from lstsr_jax.geo.quality import SCHEMES


@dataclasses.dataclass(frozen=True)
class LayerSpec:
    """How a product stores and describes one dataset; the fields are its attributes."""

    long_name: str
    kind: str
    valid_range: tuple[int, int]
    fill: int | str
    units: str | None = None
    note: tuple[str, str] | None = None
    scale: float | None = None
    offset: float | None = None


def _overpass_specs(label: str, word: str) -> dict[str, LayerSpec]:
    time, angle = (
        ("View_time", "View_time data * scale_factor"),
        "View_angle data * scale_factor + add_offset",
    )
    lst = ("LST", "LST data * scale_factor")
    title = f"Daily {word} 1km grid Land-surface Temperature"
    observed = f"of {word} Land-surface Temperature"
    return {
        f"LST_{label}_1km": LayerSpec(title, "uint16", (7500, 65535), 0, "K", lst, 0.02),
        f"QC_{label}": LayerSpec(f"Quality control for {word} LST and emissivity", "uint8", (0, 255), "NA\x00"),
        f"{label}_view_time": LayerSpec(f"Time {observed} observation", "uint8", (0, 240), 255, "hrs", time, 0.1),
        f"{label}_view_angl": LayerSpec(
            f"View zenith angle {observed}", "uint8", (0, 130), 255, "deg", ("View_angle", angle), 1.0, -65.0
        ),
    }


def _emissivity_spec(band: int) -> LayerSpec:
    note = (f"Emis_{band}", f"Emis_{band} data * scale_factor + add_offset")
    return LayerSpec(f"Band {band} emissivity", "uint8", (1, 255), 0, None, note, 0.002, 0.49)


def _coverage_spec(word: str, short: str) -> LayerSpec:
    note = (f"{word} clear_sky_cov", f"{short}_clear_sky_cov data * scale_factor")
    return LayerSpec(f"{word} clear-sky coverage", "uint16", (1, 65535), 0, None, note, 0.0005)


MOD11A1_LAYERS: Final[dict[str, LayerSpec]] = {
    **_overpass_specs("Day", "daytime"),
    **_overpass_specs("Night", "nighttime"),
    "Emis_31": _emissivity_spec(31),
    "Emis_32": _emissivity_spec(32),
    "Clear_day_cov": _coverage_spec("day", "day"),
    "Clear_night_cov": _coverage_spec("night", "nit"),
}


def specs_of(product: str) -> dict[str, LayerSpec]:
    """The datasets of a product by name, in its order.

    Args:
        product: a key of ``PRODUCTS``.
    """
    row = PRODUCTS[product]
    if product.endswith("11A1"):
        return MOD11A1_LAYERS
    if row.algorithm == "split window":
        renamed = {
            key: key.replace("Clear_day_cov", "Clear_sky_days").replace("Clear_night_cov", "Clear_sky_nights")
            for key in MOD11A1_LAYERS
        }
        specs = {
            renamed[key]: dataclasses.replace(spec, long_name=spec.long_name.replace("Daily", "8-Day"))
            for key, spec in MOD11A1_LAYERS.items()
        }
        for key in ("Clear_sky_days", "Clear_sky_nights"):
            specs[key] = LayerSpec(f"the {key[10:-1]}s in clear-sky conditions", "uint8", (1, 255), 0)
        return specs
    return _tes_specs(row)


_TES_CODES: Final = {
    0: 0b11_11_11_10_11_00_00_00,  # the best
    17: 0b10_10_11_10_11_00_00_00,
    65: 0b01_10_10_10_11_00_00_00,
    81: 0b11_11_11_10_11_10_00_01,  # near cloud
    129: 0b10_10_11_10_11_10_00_01,
    145: 0b01_10_10_10_11_01_00_01,  # thin cirrus
    2: 0b00_00_00_00_00_11_00_10,  # cloud
    3: 0b00_00_00_00_00_00_01_11,
}
"""What TES says where MOD11 says the codes that ``simulate_granule`` draws."""


def as_product(product: str, layers: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The layers of a simulated MOD11A1 granule under the names, and in the quality scheme, of another product.

    Args:
        product: a key of ``PRODUCTS``.
        layers: the twelve of MOD11A1.
    """
    row, source = PRODUCTS[product], PRODUCTS["MOD11A1"].layers
    if product.endswith("11A1"):
        return dict(layers)
    result: dict[str, NDArray[Any]] = {}
    for overpass, names in row.layers.items():
        old = source[overpass]
        result[names.lst] = layers[old.lst]
        result[names.quality] = _codes(row, layers[old.quality])
        result[names.view_time], result[names.view_angle] = layers[old.view_time], layers[old.view_angle]
    for name in specs_of(product):
        if name.startswith("Emis_"):
            result[name] = layers["Emis_31" if name in ("Emis_15", "Emis_31", "Emis_29") else "Emis_32"]
    if row.algorithm == "split window":
        for word, cover in (("days", "Clear_day_cov"), ("nights", "Clear_night_cov")):
            result[f"Clear_sky_{word}"] = np.where(layers[cover] > 0, 0b00010001, 0).astype(np.uint8)
    return {name: result[name] for name in specs_of(product)}


def _codes(row: Product, quality: NDArray[np.uint8]) -> NDArray[Any]:
    if row.algorithm == "split window":
        return quality
    table = np.zeros(256, np.uint16)
    for code, tes in _TES_CODES.items():
        table[code] = tes
    codes = table[quality]
    if row.quality == "TES16":
        return codes
    return (codes & 0b1111 | codes >> 8 & 0b11110000).astype(np.uint8)  # the eight days' byte leaves the middle out


def _tes_specs(row: Product) -> dict[str, LayerSpec]:
    specs: dict[str, LayerSpec] = {}
    kind = "Daily" if row.period_days == 1 else "8-Day"
    for layers in row.layers.values():
        codes = SCHEMES[row.quality].dtype
        specs[layers.lst] = LayerSpec(
            f"{kind} 1km Land-surface Temperature", "uint16", row.lst.valid, 0, "K", None, 0.02, 0.0
        )
        specs[layers.quality] = LayerSpec(
            f"{kind} QC for LST and emissivity", codes, (0, 65535 if codes == "uint16" else 255), "n/a", "n/a"
        )
        specs[layers.view_angle] = LayerSpec(
            "View zenith angle of LST", "uint8", (0, 130), 255, "deg", None, 1.0, -65.0
        )
        specs[layers.view_time] = LayerSpec("Time of LST observation", "uint8", (0, 240), 255, "hrs", None, 0.1, 0.0)
    for band in (14, 15, 16) if row.container == "hdf5" else (29, 31, 32):
        specs[f"Emis_{band}"] = LayerSpec(
            f"{kind} Band {band} emissivity", "uint8", (1, 255), 0, "n/a", None, 0.002, 0.49
        )
    return specs
