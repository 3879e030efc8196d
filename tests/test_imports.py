"""The public names; that imports point downwards only is import-linter's to hold (pyproject.toml, .ci/run)."""

import pytest

import lstsr_jax


def test_public_names_exist():
    for name in lstsr_jax.__all__:
        assert getattr(lstsr_jax, name) is not None
    assert set(lstsr_jax.__all__) == set(lstsr_jax._HOME)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lstsr_jax.nonsense
