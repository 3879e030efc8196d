"""Every file under a folder, links followed once, and what could not be reached."""

import os
from pathlib import Path
from typing import NamedTuple


class Skipped(NamedTuple):
    """A file or folder left aside, and why."""

    path: Path
    reason: str


def walk(directory: Path, recursive: bool = True) -> tuple[list[Path], list[Skipped]]:
    """List the files under a folder.

    A link to a folder is followed, each folder once: what is there anyway goes before what a link leads to.

    Args:
        directory: where to begin.
        recursive: go into its folders too.

    Returns:
        The files, sorted, and what is none: links to nothing, folders that cannot be listed or were listed already,
        sockets and the like.
    """
    files: list[Path] = []
    skipped: list[Skipped] = []
    seen: dict[tuple[int, int], Path] = {}
    folders, links = [directory], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop()
        try:
            status = folder.stat()
            known = seen.setdefault((status.st_dev, status.st_ino), folder)
            if known is not folder:
                skipped.append(Skipped(folder, f"the same folder as {known}, which is listed already"))
                continue
            entries = sorted(folder.iterdir(), reverse=True)  # the last of a stack is taken first
        except OSError as error:
            skipped.append(Skipped(folder, f"cannot be listed ({error.strerror}); check its permissions"))
            continue
        for path in entries:
            if os.path.isdir(path):  # unlike Path.is_dir, False for what cannot be reached
                if recursive:
                    (links if path.is_symlink() else folders).append(path)
            elif os.path.isfile(path) and os.access(path, os.R_OK):
                files.append(path)
            else:
                skipped.append(Skipped(path, _obstacle(path)))
    return sorted(files), skipped


def _obstacle(path: Path) -> str:
    """Why something in a folder cannot be read as a file."""
    try:
        path.stat()
    except FileNotFoundError:
        return f"a link to nothing ({os.readlink(path)}); fetch what it links to"
    except OSError as error:
        return f"cannot be reached ({error.strerror}); check links and permissions"
    return "cannot be read; check its permissions" if path.is_file() else "neither a file nor a folder"
