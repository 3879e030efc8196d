"""The examples and the cells of the API reference run as they stand, one page after the other."""

import re
from pathlib import Path

import jax
import matplotlib
import pytest

DOCS = Path(__file__).parents[1] / "docs"
CELL = re.compile(r"```\{code-cell\}[^\n]*\n(?::tags:[^\n]*\n)?(.*?)```", re.DOTALL)
PAGES = {
    str(path.relative_to(DOCS)): cells
    for path in sorted([*DOCS.glob("examples/*.md"), *DOCS.glob("api/*.md")])
    if (cells := CELL.findall(path.read_text()))
}


def test_there_are_examples():
    assert sum(name.startswith("examples/") for name in PAGES) >= 5
    assert sum(map(len, PAGES.values())) >= 50


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # they run as a user runs them
@pytest.mark.parametrize("page", PAGES)
def test_the_cells_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    namespace = {"__name__": "__main__"}
    with jax.numpy_rank_promotion("allow"):
        for number, cell in enumerate(PAGES[page], 1):
            exec(compile(cell, f"{page}, cell {number}", "exec"), namespace)
