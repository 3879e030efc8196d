"""The site: ``sphinx-build -W --keep-going docs docs/_build/html`` (extra ``docs``). Needs no network."""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

# The cells compile much and compute little, and their output is to be the same everywhere.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
DOCS = Path(__file__).parent

project = "lstsr-jax"
author = copyright = "The lstsr-jax authors"
version = release = re.search(r'__version__ = "(.+)"', (DOCS.parent / "lstsr_jax/__init__.py").read_text())[1]
html_title = f"lstsr-jax {release}"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]

# Pages with a kernel in their front matter are run in a folder of their own; a cell that raises ends the build.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True

myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Docstrings state shapes and units, which annotations cannot: signatures show names and defaults as they are written.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_use_ivar = True  # an attribute that is also a property is described once
napoleon_use_rtype = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["swipe.js"]
html_show_sphinx = False


def _list_remaining_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put every page of docs/ that no section of index.md names under its how-tos, so that none is lost."""
    if docname == "index":
        named = set(re.findall(r"^([\w/-]+)$", source[0], re.MULTILINE))
        pages = {path.stem for path in DOCS.glob("*.md")} - named - {"index"}
        source[0] = source[0].replace("<remaining pages>", "\n".join(sorted(pages)))


# Napoleon takes "this: that" in the docstring of an attribute or property for a type and a description. They are prose.
_attributes: dict[str, list[str]] = {}


def _keep(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    if what in ("attribute", "property"):
        _attributes[name] = list(lines)


def _restore(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = _attributes.pop(name, lines)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _list_remaining_pages)
    app.connect("autodoc-process-docstring", _keep, priority=400)  # before napoleon, at 500
    app.connect("autodoc-process-docstring", _restore, priority=600)
