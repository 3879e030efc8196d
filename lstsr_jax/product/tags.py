"""What a product, and the summary of its run, say of how it was made."""

import lstsr_jax
from lstsr_jax.errors import printable
from lstsr_jax.geo import Scene
from lstsr_jax.predictor.guides import guides_of
from lstsr_jax.product.fine import FineScene
from lstsr_jax.product.guide import coarseness_warning, missing_line
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.times import observation_time


def warnings_of(fine: FineScene, method: MapMethod) -> tuple[str, ...]:
    """What makes a map worse than it could be, in lines."""
    missing = missing_line(method.model or method.name, guides_of(method.resolver), method.guides)
    provenance = method.provenance
    product = provenance.foreign_products([fine.source.product]) if provenance else ""
    place = provenance.foreign_tiles([fine.source.tile]) if provenance else ""
    return tuple(line for line in (missing, *fine.guide_warnings, product, place, *fine.around.warnings) if line)


def note_of(fine: FineScene, method: MapMethod) -> str:
    """How a map came out, for the summary."""
    if fine.observed == 0:
        return "no observation"
    kept = "" if method.conserves else " (not conserved)"
    before = " before the warp" if fine.warped else ""
    count = len(fine.around.used)
    joined = f", joined to {count} neighbour{'s' if count > 1 else ''}" if count else ""
    return f"{fine.observed:.1%} observed, energy residual {fine.residual_k:.1e} K{before}{kept}{joined}"


def tags_of(fine: FineScene, method: MapMethod) -> dict[str, str]:
    """Where a product comes from and how it was made."""
    source = fine.source
    return {
        "source_granule": source.granule,
        "source_file": printable(source.path.name),
        "product": source.product,
        "tile": source.tile,
        "date": source.date.isoformat(),
        "period_days": str(source.period_days),
        "overpass": source.overpass,
        **_time_tags(source),
        "quality": source.note,
        **_energy_tags(fine, method),
        **_neighbour_tags(fine),
        **({"model": method.model} if method.model else {}),
        **_guide_tags(fine, method.factor),
        **({"spread": fine.spread_kind} if fine.spread_kind else {}),
        "software": f"lstsr-jax {lstsr_jax.__version__}",
    }


def _time_tags(scene: Scene) -> dict[str, str]:
    """Of the first and last observation, where the granule says it: attributes of the ACDD convention."""
    observed = observation_time(scene)
    ends = {"time_coverage_start": observed.first, "time_coverage_end": observed.last}
    return {name: f"{time}Z" for name, time in ends.items()} if observed.known else {}


def _energy_tags(fine: FineScene, method: MapMethod) -> dict[str, str]:
    """Whether the map pools back to its source; interpolation onto another grid ends that."""
    conserved, residual = "yes" if method.conserves else "no", f"{fine.residual_k:.2e}"
    if not fine.warped:
        return {"energy_conserved": conserved, "energy_residual_k": residual}
    return {
        "warp": "bilinear",
        "energy_conserved": "no",
        "energy_conserved_before_warp": conserved,
        "energy_residual_before_warp_k": residual,
    }


def _neighbour_tags(fine: FineScene) -> dict[str, str]:
    """Which granules were seen beyond the border; their checksums are among those of the sources."""
    names = " ".join(neighbour.layer.granule or "" for neighbour in fine.around.used)
    return {"neighbours": names} if names else {}


def _guide_tags(fine: FineScene, factor: int) -> dict[str, str]:
    """Which file of each guide was used, and whether anything finer than the LST was in it."""
    tags: dict[str, str] = {}
    for name, guide in fine.guides.items():
        pixel = f"{guide.pixel / factor:.2g} of the LST's pixel"
        finer = ": nothing finer than the LST is in it" if coarseness_warning(name, guide, factor) else ""
        tags |= {f"{name}_file": guide.path.name, f"{name}_resolution": f"{pixel}{finer}"}
    return tags
