"""Every public name stands in the API reference, and every public function in an example that is run."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

from lstsr_jax import ops

DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = [
    "lstsr_jax",
    "lstsr_jax.data",
    "lstsr_jax.evaluation",
    "lstsr_jax.export",
    "lstsr_jax.geo",
    "lstsr_jax.predictor",
    "lstsr_jax.product",
    "lstsr_jax.scene",
    "lstsr_jax.sharpening",
    "lstsr_jax.training",
    "lstsr_jax.xarray",
    "data_builders",
    "data_builders.download",
]
MODULES = [
    "lstsr_jax.methods",
    *sorted(f"lstsr_jax.ops.{module.name}" for module in pkgutil.iter_modules(ops.__path__)),
]
CELL = re.compile(r"```\{code-cell\}[^\n]*\n(?::tags:[^\n]*\n)?(.*?)```", re.DOTALL)
ENTRY = re.compile(r"^\.\. (?:auto\w+|py:data):: (?:([\w.]+)\.)?(\w+)$|^\.\. currentmodule:: (\S+)$", re.MULTILINE)


def documented() -> set[tuple[int, str]]:
    """Identity and name of what the pages under docs/api describe."""
    found = set()
    for page in (DOCS / "api").glob("*.md"):
        current = ""
        for package, name, changed in ENTRY.findall(page.read_text()):
            current = changed or current
            if name:
                module = importlib.import_module(package or current)
                assert hasattr(module, name), f"{page.name}: {name} is no name of {module.__name__}"
                found.add((id(getattr(module, name)), name))
    return found


def names_in_cells() -> set[str]:
    """All names that the executed cells of docs/ mention."""
    pages = [*(DOCS / "api").glob("*.md"), *(DOCS / "examples").glob("*.md")]
    trees = [ast.parse(cell) for page in pages for cell in CELL.findall(page.read_text())]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def defined_in(module_name: str) -> list[str]:
    """Public functions of a module that has no ``__all__``."""
    members = vars(importlib.import_module(module_name)).items()
    own = [name for name, thing in members if getattr(thing, "__module__", None) == module_name and callable(thing)]
    return [name for name in own if not name.startswith("_")]


def public() -> list[tuple[str, str]]:
    """Module and name of everything public."""
    named = [(package, name) for package in PACKAGES for name in importlib.import_module(package).__all__]
    return named + [(module, name) for module in MODULES if "._" not in module for name in defined_in(module)]


def test_no_package_with_public_names_is_left_out():
    root = DOCS.parent / "lstsr_jax"
    packages = {f"lstsr_jax.{path.parent.name}" for path in root.glob("*/__init__.py") if "__all__" in path.read_text()}
    assert packages <= {*PACKAGES, "lstsr_jax.cli"}  # the commands are described by their --help


def test_every_public_name_is_in_the_reference():
    known = documented()
    missing = [
        f"{package}.{name}"
        for package, name in public()
        if (id(getattr(importlib.import_module(package), name)), name) not in known
    ]
    assert not missing, f"add to a page of docs/api: {', '.join(missing)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_function_and_class_has_a_docstring(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert thing.__doc__ and not thing.__doc__.startswith(f"{name}("), f"{package}.{name} has no docstring"


def test_every_public_function_is_in_an_example_that_is_run():
    shown = names_in_cells()
    missing = []
    for package, name in public():
        thing = getattr(importlib.import_module(package), name)
        callable_ = inspect.isfunction(thing) or hasattr(thing, "__wrapped__")
        if callable_ and not inspect.isclass(thing) and ">>>" not in (thing.__doc__ or "") and name not in shown:
            missing.append(f"{package}.{name}")
    assert not missing, f"show in a doctest or in a cell of docs/api or docs/examples: {', '.join(missing)}"
