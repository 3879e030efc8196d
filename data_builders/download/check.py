"""``--check``: what would stand in the way of a download, in one report."""

import dataclasses
import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from data_builders.download.faults import Broken, Refused, login_page
from data_builders.download.fetching import compare, gap_lines
from data_builders.download.folder import Folder, readable
from data_builders.download.outcome import Remote
from data_builders.download.request import Request
from data_builders.download.search import Found, search
from data_builders.download.session import Session
from data_builders.download.transfer import MAGIC
from lstsr_jax.errors import InputError

LARGEST_SKEW_S: Final = 300.0
SOON: Final = datetime.timedelta(days=7)


@dataclasses.dataclass(frozen=True)
class Finding:
    """A line of the report."""

    subject: str
    good: bool
    text: str

    def __str__(self) -> str:
        """Such as "ok     login: the server sends data"."""
        return f"{'ok' if self.good else 'WRONG':<6} {self.subject}: {self.text}"


def check(session: Session, cmr_url: str, requests: Sequence[Request], directory: Path) -> list[Finding]:
    """Try everything a download needs without downloading: search, clock, login, terms, disk space, gaps.

    Args:
        session: to ask with.
        cmr_url: the search.
        requests: what would be downloaded.
        directory: where to.

    Returns:
        Findings, good and bad; those that need a search that failed are not there.
    """
    findings: list[Finding] = []
    remotes: list[Remote] = []
    for request in requests:
        try:
            found = search(session, cmr_url, request)
        except InputError as error:
            findings.append(Finding("search", False, str(error)))
            continue
        if not remotes:
            findings += _clock(found)
        remotes += found.remotes
        findings.append(Finding("search", True, f"{len(found.remotes)} granules of {request}"))
        findings += [Finding("gap", False, f"{request.product}: {line}") for line in gap_lines(request, found)]
    findings += _expiry(session)
    if remotes:
        findings.append(_login(session, remotes[0]))
        findings.append(_space(directory, remotes))
    return findings


def _clock(found: Found) -> list[Finding]:
    """Ours against the server's: TLS and tokens depend on it."""
    if found.server_time is None:
        return []
    skew = (found.local_time - found.server_time).total_seconds()
    if abs(skew) <= LARGEST_SKEW_S:
        return [Finding("clock", True, f"within {max(abs(skew), 1.0):.0f} s of the server's")]
    direction = "ahead of" if skew > 0 else "behind"
    return [Finding("clock", False, f"{abs(skew):.0f} s {direction} the server's; set it, or TLS and tokens fail")]


def _expiry(session: Session) -> list[Finding]:
    """How long the token lasts, where it says so."""
    expiry = session.login.expiry()
    if expiry is None:
        return []
    left = expiry - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta(0):
        return [Finding("token", False, f"expired on {expiry:%Y-%m-%d}; make a new one")]
    return [Finding("token", True, f"until {expiry:%Y-%m-%d}{': renew it soon' if left < SOON else ''}")]


def _login(session: Session, remote: Remote) -> Finding:
    """The first bytes of one granule: they come only with a login and with the terms accepted."""

    def once() -> bytes:
        with session.get(remote.url, {"Range": "bytes=0-7"}) as response:
            if response.headers.get("Content-Type", "").lower().startswith("text/html"):
                raise login_page(session.login.has_token)
            return response.read(8)

    try:
        head = session.patiently(once)
    except (Refused, Broken, InputError) as error:
        terms = isinstance(error, Refused) and error.status == 403
        return Finding("terms" if terms else "login", False, str(error))
    if not head.startswith(MAGIC):
        return Finding("login", False, f"{remote.file_name} does not start as HDF but with {head!r}")
    return Finding("login and terms", True, "the archive sends data")


def _space(directory: Path, remotes: Sequence[Remote]) -> Finding:
    """Room for what is missing."""
    missing = [item.remote for item in compare(Folder(directory), remotes) if not item.here]
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.is_dir())
    need, free = sum(remote.about for remote in missing), shutil.disk_usage(existing).free
    text = f"{len(missing)} of {len(remotes)} granules are missing: {readable(need)}; {readable(free)} are free"
    return Finding("disk", need <= free, text if need <= free else f"{text}; make room")
