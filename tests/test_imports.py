"""The floors of the building: imports point downwards only."""

import ast
from pathlib import Path

import pytest

import lstsr_jax

ROOT = Path(lstsr_jax.__file__).parents[1]
FLOORS = [
    {"errors", "files", "ops", "geo"},
    {"config", "models", "sharpening", "predictor", "data"},
    {"training", "evaluation", "scene"},
    {"product"},
    {"cli"},
]
FILES = sorted((ROOT / "lstsr_jax").rglob("*.py")) + sorted((ROOT / "data_builders").rglob("*.py"))


def floor_of(module):
    parts = module.split(".")
    if parts[0] == "data_builders":
        return 4
    (floor,) = [i for i, names in enumerate(FLOORS) if parts[1] in names]
    return floor


def imports(path):
    """Modules of this project that a file imports when it is loaded."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module.count(".") else [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in names if name.startswith(("lstsr_jax.", "data_builders.")))
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith(("lstsr_jax.", "data_builders.")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if module == "lstsr_jax.__init__":
        assert not list(imports(path)), "the public names are loaded lazily"
        return
    for name in imports(path):
        assert floor_of(name) <= floor_of(module), f"{module} must not import {name}"


def test_geo_and_floor_zero_do_without_flax():
    for path in sorted((ROOT / "lstsr_jax" / "ops").glob("*.py")):
        assert "flax" not in path.read_text(), path


def test_public_names_exist():
    for name in lstsr_jax.__all__:
        assert getattr(lstsr_jax, name) is not None
    assert set(lstsr_jax.__all__) == set(lstsr_jax._HOME)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lstsr_jax.nonsense
