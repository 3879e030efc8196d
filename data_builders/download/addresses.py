"""Which addresses may be asked, and which of them may see the token."""

import functools
import ipaddress
import urllib.parse
from typing import Final, NamedTuple

CMR_URL: Final = "https://cmr.earthdata.nasa.gov/search"
LOGIN_URL: Final = "https://urs.earthdata.nasa.gov"
_NASA: Final = (".earthdata.nasa.gov", ".earthdatacloud.nasa.gov")
_PORTS: Final = {"https": 443, "http": 80}


def whole_number(text: str | None) -> int | None:
    """A count that a server states, or None if it is none: Python refuses digits by the thousand with an error."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 30 else None


class Origin(NamedTuple):
    """Scheme, host and port: what two addresses must share to be the same server."""

    scheme: str
    host: str
    port: int

    @property
    def private(self) -> bool:
        """Whether what is sent there is seen by nobody else: TLS, or this machine."""
        return self.scheme == "https" or self.loopback

    @property
    def loopback(self) -> bool:
        """Whether this machine is meant."""
        return _is_loopback(self.host)

    @property
    def nasa(self) -> bool:
        """Whether this is NASA's archive or its search, over TLS."""
        return self.scheme == "https" and self.port == 443 and self.host.endswith(_NASA)


@functools.lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> Origin:
    """Take an address apart.

    Raises:
        ValueError: no http or https address.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise ValueError(f"{url!r} is no http or https address")
    return Origin(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])


def target_of(url: str) -> str:
    """What of an address is asked of its server: path and query, encoded where they are not."""
    parts = urllib.parse.urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return urllib.parse.quote(target, safe="/?%:@!$&'()*+,;=~-._[]")


def without_query(url: str) -> str:
    """An address for messages: a signed one has its signature after the question mark."""
    return url.partition("?")[0]
