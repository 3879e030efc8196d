"""What a release states in several places is the same everywhere."""

import re
from pathlib import Path

import lstsr_jax

ROOT = Path(__file__).parents[1]
CITATION = (ROOT / "CITATION.cff").read_text()


def test_the_changelog_has_the_version_with_its_date():
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    version, date = released[0]
    assert version == lstsr_jax.__version__
    assert f"\ndate-released: {date}\n" in CITATION


def test_the_citation_has_the_version():
    assert f"\nversion: {lstsr_jax.__version__}\n" in CITATION
