"""Connections that are kept open: plain, over TLS, or over TLS through the proxy of the environment; and their faults.

`http.client` rather than a library on top of it: redirects, retries and the token are decided in `session`, and what a
library such as urllib3 adds to each request (0.1 ms) all threads wait for in turn.
"""

import base64
import collections
import contextlib
import http.client
import os
import socket
import ssl
import threading
import urllib.parse
import urllib.request
from email.message import Message
from typing import Final

from data_builders.download.addresses import Origin
from data_builders.download.faults import Broken, Refused

LARGEST_DRAIN: Final = 1 << 16
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_Idle = collections.deque[http.client.HTTPConnection]


class Response:
    """An answer, whose body is read by the caller.

    Attributes:
        status: of HTTP.
        headers: by name, of any case.
    """

    def __init__(
        self, host: str, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, idle: _Idle
    ) -> None:
        """Take over a connection, which `close` gives back to ``idle`` if it can be used again."""
        self.status: int = answer.status
        self.headers: Message = answer.headers
        self._host, self._connection, self._answer, self._idle = host, connection, answer, idle

    @property
    def location(self) -> str:
        """Where a redirect leads; "" if this is none."""
        return self.headers.get("Location", "") if self.status in _REDIRECTS else ""

    def read1(self, size: int) -> bytes:
        """What has arrived, at most ``size`` bytes, or the next that arrive; b"" at the end.

        Raises:
            Broken: the connection ended before the body did, or nothing came for too long.
        """
        try:
            data = self._answer.read1(size)
        except (OSError, http.client.HTTPException) as error:
            raise _fault(self._host, error) from error
        if not data and self._answer.length:
            raise Broken(f"{self._host} broke the connection off")
        return data

    def read(self, size: int) -> bytes:
        """The body, at most ``size`` bytes of it; raises as `read1`."""
        parts = []
        while size > 0 and (data := self.read1(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def leave(self) -> None:
        """Close it; a short body is read first, for the connection's sake."""
        if self._answer.length is not None and self._answer.length <= LARGEST_DRAIN:
            with contextlib.suppress(Broken):
                self.read(LARGEST_DRAIN)
        self.close()

    def close(self) -> None:
        """Give the connection back, or end it if the body was not read to its end."""
        complete = self._answer.isclosed() or self._answer.length == 0
        self._answer.close()
        if complete and not self._answer.will_close:
            self._idle.append(self._connection)
        else:
            self._connection.close()


class Connections:
    """Sends requests over connections that are kept per server, for all threads."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self._idle: dict[Origin, _Idle] = collections.defaultdict(collections.deque)
        self._trust: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def get(
        self, origin: Origin, target: str, headers: dict[str, str], *, connect_s: float, timeout_s: float
    ) -> Response:
        """Send a GET and receive the head of the answer.

        Args:
            origin: the server.
            target: path and query, encoded.
            headers: to send.
            connect_s: longest wait for a connection.
            timeout_s: longest wait for bytes.

        Raises:
            Broken: no connection, or it broke; a kept one that the server has ended meanwhile is replaced.
            Refused: the server's certificate is not trusted, or the proxy cannot be used.
        """
        with self._lock:
            idle = self._idle[origin]
        while True:
            try:
                connection, kept = idle.pop(), True
            except IndexError:
                connection, kept = self._connected(origin, connect_s), False
            try:
                if connection.timeout != timeout_s:
                    connection.timeout = timeout_s
                    connection.sock.settimeout(timeout_s)
                connection.request("GET", target, headers=headers)
                return Response(origin.host, connection, connection.getresponse(), idle)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not (kept and isinstance(error, ConnectionError | ssl.SSLError)):
                    raise _fault(origin.host, error) from error

    def close(self) -> None:
        """End the connections that are kept."""
        with self._lock:
            for idle in self._idle.values():
                while idle:
                    idle.pop().close()

    def _connected(self, origin: Origin, timeout_s: float) -> http.client.HTTPConnection:
        """A new connection."""
        proxy = _proxy_of(origin)
        host, port = (origin.host, origin.port) if proxy is None else (proxy.hostname or "", proxy.port or 80)
        connection: http.client.HTTPConnection
        if origin.scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._trusted())
        if proxy is not None:
            login = ":".join(map(urllib.parse.unquote, (proxy.username or "", proxy.password or ""))).encode()
            secret = {"Proxy-Authorization": f"Basic {base64.b64encode(login).decode()}"} if proxy.username else {}
            connection.set_tunnel(origin.host, origin.port, headers=secret)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if proxy is not None and not isinstance(error, ssl.SSLError):
                raise Broken(f"{origin.host} cannot be reached through the proxy; check HTTPS_PROXY") from error
            if isinstance(error, socket.gaierror):
                raise Broken(f"{origin.host}: no such host; check the network and the address") from error
            if isinstance(error, ssl.SSLError | TimeoutError | http.client.HTTPException):
                raise _fault(origin.host, error) from error
            raise Broken(f"{origin.host} cannot be reached; check the network and the address") from error
        return connection

    def _trusted(self) -> ssl.SSLContext:
        """The system's trust store (SSL_CERT_FILE, SSL_CERT_DIR name another), and a bundle named for requests."""
        with self._lock:
            if self._trust is None:
                self._trust = ssl.create_default_context()
                self._trust.set_alpn_protocols(["http/1.1"])
                bundle = os.environ.get("REQUESTS_CA_BUNDLE")
                if bundle and os.path.isfile(bundle):
                    self._trust.load_verify_locations(bundle)
            return self._trust


def _proxy_of(origin: Origin) -> urllib.parse.SplitResult | None:
    """The proxy that the environment names for a server; this machine needs none.

    Raises:
        Refused: one that is not spoken to by http.
    """
    if origin.loopback or urllib.request.proxy_bypass(origin.host):
        return None
    named = urllib.request.getproxies().get(origin.scheme, "")
    if not named:
        return None
    proxy = urllib.parse.urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise Refused(
            None, "the environment's proxy is none that is spoken to by http; set HTTPS_PROXY=http://HOST:PORT"
        )
    return proxy


def _fault(host: str, error: Exception) -> Broken | Refused:
    """The sentence for what a connection raised."""
    if isinstance(error, TimeoutError):
        return Broken(f"{host} stopped answering")
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "check the clock, or name the authority's file in SSL_CERT_FILE"
        return Refused(None, f"{host}: its certificate is not trusted here; {remedy}")
    if isinstance(error, ssl.SSLError):
        return Broken(f"{host}: TLS broke off")
    return Broken(f"{host} broke the connection off")
