"""Python that pages show and nobody runs: it compiles, what it imports is there, and takes the arguments shown.

README's is run (test_readme.py), that of docs/dataset.md too (test_as_tfds.py), and executed pages by the site's build.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {
    f"docs/{path.relative_to(ROOT / 'docs')}": "\n".join(BLOCK.findall(path.read_text()))
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if "_build" not in path.parts and BLOCK.search(path.read_text())
}
OURS = ("lstsr_jax", "data_builders")


def imported(tree):
    """What a block imports of this project, by the name it has there."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in OURS:
            module = importlib.import_module(node.module)
            found |= {name.asname or name.name: getattr(module, name.name) for name in node.names}
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] in OURS:
                    importlib.import_module(name.name)
                    found["lstsr_jax"] = importlib.import_module("lstsr_jax")
    return found


def wrong_calls(tree, names):
    """Calls of what is imported that its signature does not take."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called, path = node.func, []
        while isinstance(called, ast.Attribute):
            path, called = [called.attr, *path], called.value
        if not isinstance(called, ast.Name) or called.id not in names:
            continue
        function = names[called.id]
        for part in path:
            function = getattr(function, part)
        if any(isinstance(one, ast.Starred) for one in node.args) or any(word.arg is None for word in node.keywords):
            continue
        try:
            inspect.signature(function).bind(*node.args, **{word.arg: word.value for word in node.keywords})
        except TypeError as error:
            yield f"{ast.unparse(node)}: {error}"


def test_pages_with_python_are_found():
    assert {"docs/predict.md", "docs/export.md", "docs/guides.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_exists(page):
    tree = ast.parse(PAGES[page], page)
    assert not list(wrong_calls(tree, imported(tree)))


def test_a_wrong_call_is_named():
    tree = ast.parse("import lstsr_jax\nlstsr_jax.upsample(x, size=4)\nlstsr_jax.upsample(x, factor=4)")
    (said,) = wrong_calls(tree, imported(tree))
    assert "size" in said
