"""Which share of a run is this worker's."""

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Final

from lstsr_jax.errors import InputError

ENVIRONMENT: Final = "env"
"""What :meth:`Shard.parse` takes from the scheduler."""
_SHARD: Final = re.compile(r"(\d+)/(\d+)", re.ASCII)
_SLURM, _KUBERNETES = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"), ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of ``count`` workers, from 0 on; as text ``I/N``."""

    index: int
    count: int

    def __post_init__(self) -> None:
        """Refuse a worker that does not exist.

        Raises:
            InputError: naming the setting and the remedy.
        """
        if not 0 <= self.index < self.count:
            raise InputError(f"`shard` {self}: {_remedy(self.count)}")

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> "Shard":
        """Read ``I/N``, or for ``env`` what SLURM or Kubernetes says of this task.

        Of a SLURM array whose tasks do not count from 0 in steps of 1, ``SLURM_ARRAY_TASK_MIN`` and ``_STEP`` say how
        they do. In an indexed job of Kubernetes ``JOB_COMPLETIONS`` is what its manifest sets beside ``completions``.

        Args:
            text: as the user gave it.
            environment: of the process.

        Raises:
            InputError: if it is none.
        """
        if text == ENVIRONMENT:
            return cls._of_scheduler(environment)
        match = _SHARD.fullmatch(text)
        if match is None:
            raise InputError(f"`shard` {text}: {_remedy(0)}, or {ENVIRONMENT} in a SLURM array or Kubernetes job")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def _of_scheduler(cls, environment: Mapping[str, str]) -> "Shard":
        found = [names for names in (_SLURM, _KUBERNETES) if all(name in environment for name in names)]
        if len(found) != 1:
            said = f"both {_SLURM[0]} and {_KUBERNETES[0]} are set" if found else _missing(environment)
            raise InputError(f"`shard` {ENVIRONMENT}: {said}; give I/N")
        index, count = (_number(name, environment[name]) for name in found[0])
        if found[0] == _SLURM:
            first = _number("SLURM_ARRAY_TASK_MIN", environment.get("SLURM_ARRAY_TASK_MIN", "0"))
            step = _number("SLURM_ARRAY_TASK_STEP", environment.get("SLURM_ARRAY_TASK_STEP", "1"))
            last = _number(
                "SLURM_ARRAY_TASK_MAX", environment.get("SLURM_ARRAY_TASK_MAX", str(first + step * (count - 1)))
            )
            again = count == 1 and index > 0  # one task of an array, given again: how many there were is not said
            if again or step < 1 or index < first or (index - first) % step or last != first + step * (count - 1):
                raise InputError(
                    f"`shard` {ENVIRONMENT}: task {index} of {count} from {first} to {last} does not say which share "
                    f"of how many it is; give I/N, such as {index}/N in an array of N tasks from 0 on"
                )
            index = (index - first) // step
        return cls(index, count)

    def __str__(self) -> str:
        """As the user gives it."""
        return f"{self.index}/{self.count}"


def _remedy(count: int) -> str:
    last = f"0/{count} to {count - 1}/{count}" if count > 0 else "such as 0/3, 1/3 and 2/3"
    return f"give I/N, the I-th of N shares from 0 on, {last}"


def _missing(environment: Mapping[str, str]) -> str:
    half = [names for names in (_SLURM, _KUBERNETES) if any(name in environment for name in names)]
    named = [name for names in half or (_SLURM, _KUBERNETES) for name in names if name not in environment]
    return f"{' and '.join(named)} {'is' if len(named) == 1 else 'are'} not set"


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"{name}={text}: no number; give `shard` as I/N")
    return int(text)
