"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import data_builders
import lstsr_jax

MODULES = sorted(
    ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
    for root in (Path(package.__file__).parent for package in (lstsr_jax, data_builders))
    for path in root.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0


def test_the_pure_functions_have_examples():
    assert {f"lstsr_jax.ops.{name}" for name in ("pooling", "resize", "energy", "metrics")} <= set(MODULES)
