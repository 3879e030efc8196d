"""The models that come with the package, by name and by alias.

Each is a checkpoint directory beside this file; ``index.json`` holds their names, aliases, fingerprints,
the products they were trained on, and the tiles they are for if they are not for any.
``python -m studies.ship_weights WORKDIR --name NAME --alias ALIAS`` adds one.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent
INDEX = FOLDER / "index.json"


def index() -> dict[str, dict[str, str]]:
    """Per shipped model: its alias, the fingerprint of its weights, its products, and tiles if it is for some alone.

    Products and tiles are separated by commas.
    """
    return json.loads(INDEX.read_text()) if INDEX.is_file() else {}


def names() -> list[str]:
    """The aliases of the shipped models."""
    return sorted(entry["alias"] for entry in index().values())


def shipped(name: str) -> Path | None:
    """The checkpoint directory of the shipped model called ``name`` (or by its alias), or None."""
    for model, entry in index().items():
        if name in (model, entry["alias"]):
            return FOLDER / model
    return None


def trained_products(name: str) -> tuple[str, ...] | None:
    """The LST products that the shipped model called ``name`` (or by its alias) was trained on; None if it is none."""
    directory = shipped(name)
    return None if directory is None else tuple(index()[directory.name]["products"].split(","))


def stated_tiles(name: str) -> tuple[str, ...] | None:
    """The tiles that the shipped model called ``name`` (or by its alias) is for; None if it is for any, or is none."""
    directory = shipped(name)
    tiles = None if directory is None else index()[directory.name].get("tiles")
    return None if tiles is None else tuple(tiles.split(","))


def expected_fingerprint(directory: Path) -> str | None:
    """The fingerprint that the weights in ``directory`` must have, or None if it is no shipped model."""
    entry = index().get(directory.name) if directory.resolve().parent == FOLDER.resolve() else None
    return None if entry is None else entry["fingerprint"]
