"""What disks, downloads and copies do to files, on purpose: one file, or one file of a directory."""

import gzip
import random
import shutil
from collections.abc import Callable
from pathlib import Path

PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Earthdata Login</body></html>\n"
ERROR = b'{"errors": ["Token expired"]}'


def _place(content: bytes, chance: random.Random) -> tuple[int, int]:
    """Start and length of a block within the content."""
    length = min(len(content), 2 ** chance.randint(0, 16))
    return chance.randrange(len(content) - length + 1), length


def truncated(content: bytes, chance: random.Random) -> bytes:
    """The first part only."""
    return content[: chance.randrange(len(content))]


def zero_tail(content: bytes, chance: random.Random) -> bytes:
    """Whole length, but written up to some place only."""
    keep = chance.randrange(len(content))
    return content[:keep] + bytes(len(content) - keep)


def flipped(content: bytes, chance: random.Random) -> bytes:
    """One to eight bits changed."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, chance: random.Random) -> bytes:
    """A block of zeros."""
    start, length = _place(content, chance)
    return content[:start] + bytes(length) + content[start + length :]


def swapped(content: bytes, chance: random.Random) -> bytes:
    """Two blocks of one length exchanged."""
    a, length = _place(content, chance)
    b = chance.randrange(len(content) - length + 1)
    changed = bytearray(content)
    changed[a : a + length], changed[b : b + length] = content[b : b + length], content[a : a + length]
    return bytes(changed)


def misplaced(content: bytes, chance: random.Random) -> bytes:
    """A block with the content of another place."""
    start, length = _place(content, chance)
    other = chance.randrange(len(content) - length + 1)
    return content[:start] + content[other : other + length] + content[start + length :]


def replaced(content: bytes, chance: random.Random) -> bytes:
    """What a server sent instead, or the same file packed."""
    return chance.choice([PAGE, ERROR, b"", gzip.compress(content, 1)])


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncated,
    zero_tail,
    flipped,
    zeroed,
    swapped,
    misplaced,
    replaced,
)


def damage(original: Path, copy: Path, chance: random.Random) -> str:
    """Make a damaged copy of a file or directory, and say what was done."""
    if original.is_file():
        change = chance.choice(DAMAGES)
        copy.write_bytes(change(original.read_bytes() or b"\0", chance))
        return change.__name__
    shutil.copytree(original, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    sizes = [path.stat().st_size + 1 for path in files]
    target = chance.choice(files) if chance.random() < 0.5 else chance.choices(files, sizes)[0]
    if chance.random() < 0.1:
        target.unlink()
        return f"deleted {target.relative_to(copy)}"
    change = chance.choice(DAMAGES)
    target.write_bytes(change(target.read_bytes() or b"\0", chance))
    return f"{change.__name__} {target.relative_to(copy)}"
