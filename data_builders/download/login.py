"""The Earthdata token: from EARTHDATA_TOKEN, or through `earthaccess` from a password. Never printed, never stored."""

import base64
import datetime
import json
import netrc
import os
import threading
import urllib.parse
from pathlib import Path
from typing import Final

from data_builders.download.addresses import LOGIN_URL, Origin
from data_builders.download.faults import TOKEN_REMEDY
from lstsr_jax.errors import InputError

_NO_LOGIN: Final = (
    f"no login for NASA Earthdata: {TOKEN_REMEDY}; or put your user name and password into ~/.netrc "
    "(machine urs.earthdata.nasa.gov) and pip install 'lstsr-jax[download]'"
)


class Login:
    """Gives the token to those who may have it; `repr` does not show it."""

    def __init__(self, token: str | None = None) -> None:
        """Take a token, by default that of EARTHDATA_TOKEN; without one, passwords are looked for when needed.

        Raises:
            InputError: a token with characters that no token has, such as a line break.
        """
        given = (os.environ.get("EARTHDATA_TOKEN", "") if token is None else token).strip().removeprefix("Bearer ")
        if not all("!" <= character <= "~" for character in given):
            raise InputError("EARTHDATA_TOKEN: has blanks or characters that no token has; copy it again, whole")
        self._token: str | None = given or None
        self._lock = threading.Lock()

    @property
    def has_token(self) -> bool:
        """Whether there is a token by now."""
        return self._token is not None

    def token_for(self, origin: Origin) -> str | None:
        """The token for a server that may see it; one is made from a password only for NASA's data.

        Raises:
            InputError: NASA's data need a login and there is none.
        """
        with self._lock:
            if self._token is None and origin.nasa and not origin.host.startswith("cmr."):
                self._token = _by_password()
            return self._token

    def redact(self, text: str) -> str:
        """A text without the token."""
        return text if self._token is None else text.replace(self._token, "***")

    def expiry(self) -> datetime.datetime | None:
        """When the token ends, which it says itself (a JSON Web Token); None if it does not."""
        parts = (self._token or "").split(".")
        if len(parts) != 3:
            return None
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return datetime.datetime.fromtimestamp(claims["exp"], datetime.UTC)
        except (ValueError, KeyError, TypeError, OverflowError, OSError):
            return None


def _by_password() -> str:
    """Log in by user name and password.

    Raises:
        InputError: there are none, `earthaccess` is missing, or they are refused.
    """
    if os.environ.get("EARTHDATA_USERNAME") and os.environ.get("EARTHDATA_PASSWORD"):
        strategy, source = "environment", "EARTHDATA_USERNAME and EARTHDATA_PASSWORD"
    elif _in_netrc():
        strategy, source = "netrc", "netrc"
    else:
        raise InputError(_NO_LOGIN)
    try:
        import earthaccess  # an extra: 120 MB, and only passwords need it
    except ImportError:
        raise InputError(
            f"login by {source} needs earthaccess: pip install 'lstsr-jax[download]'; or {TOKEN_REMEDY}"
        ) from None
    try:
        earthaccess.login(strategy=strategy)
        token = earthaccess.get_edl_token()
    except Exception as error:  # of many kinds over its versions; the text may hold the password, so it stays unsaid
        raise InputError(
            f"login by {source} failed ({type(error).__name__}); check them at {LOGIN_URL}, or {TOKEN_REMEDY}"
        ) from None
    if not token:
        raise InputError(f"login by {source} gave no token; check them at {LOGIN_URL}, or {TOKEN_REMEDY}")
    return str(token)


def _in_netrc() -> bool:
    """Whether netrc has a line for Earthdata."""
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    host = urllib.parse.urlsplit(LOGIN_URL).hostname or ""
    try:
        return path.is_file() and netrc.netrc(path).authenticators(host) is not None
    except netrc.NetrcParseError as error:
        raise InputError(f"{path}: cannot be read as netrc, line {error.lineno}; mend it, or {TOKEN_REMEDY}") from None
