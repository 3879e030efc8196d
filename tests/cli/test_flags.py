"""The library names settings in backticks; who types flags reads flags."""

import pytest

from lstsr_jax.cli.door import door
from lstsr_jax.errors import InputError


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("`methods` nope: unknown", "error: --methods nope: unknown"),
        ("`checkpoint` W: was trained with `train.use_validation`", "--checkpoint W: was trained with --train.use-val"),
        ("LST of `12 K`; give `Day_1km`", "error: LST of `12 K`; give `Day_1km`"),
    ],
)
def test_settings_are_flags_at_the_command_line(message, printed):
    def command():
        raise InputError(message)

    with pytest.raises(SystemExit, match=printed):
        door(command)
