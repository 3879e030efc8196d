"""What can go wrong with an answer, and the sentence for it."""

import re
from typing import Final

from data_builders.download.addresses import LOGIN_URL

TOKEN_REMEDY: Final = f"make a token at {LOGIN_URL} (Generate Token) and set EARTHDATA_TOKEN"


class Stopped(Exception):
    """Everything is to end."""


class Refused(Exception):
    """An answer that will not change by asking again.

    Attributes:
        status: of HTTP; None where it is not the status that is wrong.
        by_account: whether the account is refused, rather than this file.
        body: what the server said, cut short.
    """

    def __init__(self, status: int | None, reason: str, *, by_account: bool = False, body: bytes = b"") -> None:
        """Keep the reason: one line with the remedy."""
        super().__init__(reason)
        self.status = status
        self.body = body
        self.by_account = by_account or status in (401, 403)


class Broken(Exception):
    """Something that may pass.

    Attributes:
        retry_after_s: how long the server wants to be left alone, if it says so.
        progress: whether more of the file arrived than ever before.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, progress: bool = False) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.progress = progress


def login_page(has_token: bool) -> Refused:
    """The archive shows its login page, with status 200, to whom it does not know."""
    cause = "the token is not accepted, or the terms are not" if has_token else "there is no login"
    return Refused(None, f"login page instead of data: {cause}; {TOKEN_REMEDY}", by_account=True)


def say(status: int, body: bytes, has_token: bool) -> str:
    """The sentence for a status of refusal."""
    if status == 401 and has_token:
        return f"login refused (401): the token is wrong or has expired; {TOKEN_REMEDY}"
    if status == 401:
        return f"needs a login (401); {TOKEN_REMEDY}"
    if status == 403:
        link = re.search(rb"https://[\w.-]+\.nasa\.gov/[\w./?=&%-]*", body)
        place = link[0].decode("ascii") if link else f"{LOGIN_URL}/profile (Applications, EULAs)"
        return f"not allowed (403): the account has not accepted the terms of the archive; accept them at {place}"
    if status == 404:
        return "not there (404): the search names a file that the archive does not have; try again tomorrow"
    return f"the server refused with status {status}"
