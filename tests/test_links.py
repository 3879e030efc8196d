"""Links between the files of the repository lead somewhere; those within the site are checked by `.ci/docs`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.mark.parametrize(
    "name",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))],
)
def test_the_files_that_are_linked_to_exist(name):
    targets = [target for target in LINK.findall((ROOT / name).read_text()) if "://" not in target]
    missing = [target for target in targets if not (ROOT / name).parent.joinpath(target).exists()]
    assert not missing


def test_a_link_is_recognised():
    assert LINK.findall("[a](docs/x.md#y) ![b](z.png)") == ["docs/x.md", "z.png"]
