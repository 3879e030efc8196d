"""HTTP: connections kept open, redirects that the token does not follow, and what is worth a second try.

urllib3 rather than requests: it verifies against the trust store of the system, keeps one pool for all threads, hands
out the bytes as they arrive, and adds no credentials of its own (requests reads netrc at every redirect).
"""

import contextlib
import datetime
import email.utils
import os
import random
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import urllib3

import lstsr_jax
from data_builders.download.addresses import Origin, origin_of, without_query
from data_builders.download.faults import Broken, Refused, Stopped, say
from data_builders.download.login import Login

T = TypeVar("T")
REDIRECTS: Final = 10
LONGEST_WAIT_S: Final = 300.0
LONGEST_CONNECT_S: Final = 15.0
LARGEST_DRAIN: Final = 1 << 16
FIRST_ATTEMPTS: Final = 2
"""So often a connection is tried while nothing has answered yet: rather the address is wrong than the network weak."""
Response = urllib3.BaseHTTPResponse


class Session:
    """Asks servers, patiently.

    Attributes:
        stop: set to end everything soon: waits end and `Stopped` is raised.
    """

    def __init__(
        self,
        login: Login,
        search: Origin,
        *,
        jobs: int = 4,
        timeout_s: float = 30.0,
        attempts: int = 5,
        back_off_s: float = 1.0,
        debug: bool = False,
    ) -> None:
        """Connect to nothing yet.

        Args:
            login: gives the token.
            search: where the search is: the token may go there, and to NASA's hosts.
            jobs: answers received at a time.
            timeout_s: of connecting, and of each wait for bytes.
            attempts: how often something is asked that fails for reasons that may pass.
            back_off_s: wait before the second attempt; doubled each time.
            debug: a line per answer on stderr.
        """
        self.stop = threading.Event()
        self.login = login
        self._search = search
        self._attempts, self._back_off_s, self._debug = attempts, back_off_s, debug
        self._not_before = 0.0
        self._answered = False
        self._slots = threading.BoundedSemaphore(jobs)
        self._timeout_s = timeout_s
        self._options: dict[str, Any] = {"maxsize": jobs, "num_pools": 16}
        self._pools: dict[str, urllib3.PoolManager] = {}  # by address of the proxy; "" and "http" without one
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None, *, timeout_s: float = 0.0) -> Iterator[Response]:
        """One GET with its redirects; the body is read by the caller.

        Args:
            url: what to get.
            headers: to send beside the usual ones.
            timeout_s: of each wait for bytes, if that of the session is shorter.

        Raises:
            Refused: an answer that will not change: 4xx but 429.
            Broken: one that may: 429, 5xx, no connection.
            Stopped: `stop` is set.
        """
        self._wait_until(self._not_before)
        with self._slots, _transport_faults(url):
            response = self._follow(url, dict(headers or {}), max(timeout_s, self._timeout_s))
            try:
                self._check(response)
                yield response
            finally:
                response.close()  # a connection whose answer was read to its end is back in the pool by now

    def patiently(self, action: Callable[[], T]) -> T:
        """Call ``action`` until it does not end in `Broken`, or has as often as allowed without progress."""
        failures = 0
        while True:
            try:
                return action()
            except Broken as broken:
                failures = 1 if broken.progress else failures + 1
                if failures >= (self._attempts if self._answered else min(self._attempts, FIRST_ATTEMPTS)):
                    raise
                wait = self._back_off_s * 2 ** (failures - 1) * random.uniform(1.0, 1.25)
                if broken.retry_after_s is not None:
                    wait = min(max(broken.retry_after_s, 0.0), LONGEST_WAIT_S)
                self._tell(f"{broken}; again in {wait:.1f} s")
                self._wait_until(time.monotonic() + wait)

    def may_see_token(self, origin: Origin) -> bool:
        """NASA's hosts over TLS, and the server that the search was asked of, over TLS or on this machine."""
        return origin.nasa or (origin == self._search and origin.private)

    def allowed(self, origin: Origin) -> bool:
        """TLS everywhere; plain http only on this machine, for a search on this machine."""
        return origin.scheme == "https" or (origin.loopback and self._search.loopback)

    def _follow(self, url: str, headers: dict[str, str], timeout_s: float) -> Response:
        first = origin = origin_of(url)
        token = self.login.token_for(first) if self.may_see_token(first) else None
        for _ in range(REDIRECTS):
            if not self.allowed(origin):
                raise Refused(None, f"{without_query(url)}: plain http, which anybody on the way can read or change")
            sent = {"User-Agent": _user_agent(), "Accept-Encoding": "identity", **headers}
            if token is not None:
                sent["Authorization"] = f"Bearer {token}"
            response = self._pool(origin).urlopen(
                "GET",
                url,
                headers=sent,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=min(timeout_s, LONGEST_CONNECT_S), read=timeout_s),
                preload_content=False,
                decode_content=False,
            )
            self._answered = True
            self._tell(f"GET {without_query(url)} -> {response.status} {response.headers.get('Content-Length', '?')} B")
            target = response.get_redirect_location()
            if not target:
                return response
            _leave(response)
            url = urllib.parse.urljoin(url, target)
            try:
                origin = origin_of(url)
            except ValueError as error:
                raise Refused(None, f"redirected to what is no address: {error}") from None
            if origin != first:
                token = None  # another server: it never sees the token, nor does what it redirects to
        raise Refused(None, f"more than {REDIRECTS} redirects")

    def _check(self, response: Response) -> None:
        """Turn the status of an error into `Refused` or `Broken`."""
        status = response.status
        if status in (200, 206, 416):
            return
        if status == 429 or status >= 500:
            wait = _retry_after(response.headers)
            if status == 429 and wait is not None:  # it means all of us
                self._not_before = max(self._not_before, time.monotonic() + min(wait, LONGEST_WAIT_S))
            raise Broken(f"the server answered {status}", retry_after_s=wait)
        body = response.read(1 << 16)
        raise Refused(status, say(status, body, self.login.has_token), body=body)

    def _pool(self, origin: Origin) -> urllib3.PoolManager:
        """Connections to a server: plain, over TLS, or over TLS through the proxy of the environment."""
        key = "http" if origin.scheme == "http" else ""
        if not origin.loopback and not urllib.request.proxy_bypass(origin.host):
            key = urllib.request.getproxies().get(origin.scheme, key)
        with self._lock:
            if key not in self._pools:
                options = self._options if key == "http" else {**self._options, "ssl_context": _trust()}
                proxied = key.startswith(("http://", "https://"))
                self._pools[key] = urllib3.ProxyManager(key, **options) if proxied else urllib3.PoolManager(**options)
            return self._pools[key]

    def _wait_until(self, moment: float) -> None:
        if self.stop.wait(max(moment - time.monotonic(), 0.0)):
            raise Stopped

    def _tell(self, text: str) -> None:
        if self._debug:
            print(f"debug: {self.login.redact(text)}", file=sys.stderr)


@contextlib.contextmanager
def _transport_faults(url: str) -> Iterator[None]:
    """Turn what urllib3 raises into `Broken` or `Refused` that name the host."""
    host = urllib.parse.urlsplit(url).hostname
    try:
        yield
    except urllib3.exceptions.NameResolutionError as error:
        raise Broken(f"{host}: no such host; check the network and the address") from error
    except urllib3.exceptions.NewConnectionError as error:
        raise Broken(f"{host} cannot be reached; check the network and the address") from error
    except urllib3.exceptions.TimeoutError as error:
        raise Broken(f"{host} stopped answering") from error
    except urllib3.exceptions.SSLError as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError) or "CERTIFICATE" in str(error):
            remedy = "check the clock, or name the authority's file in SSL_CERT_FILE"
            raise Refused(None, f"{host}: its certificate is not trusted here; {remedy}") from error
        raise Broken(f"{host}: TLS broke off") from error
    except urllib3.exceptions.ProxyError as error:
        raise Broken(f"{host} cannot be reached through the proxy; check HTTPS_PROXY") from error
    except (urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
        raise Broken(f"{host} broke the connection off") from error


def _leave(response: Response) -> None:
    """Give back the connection of an answer that is not read, if what is left of it is small."""
    length = response.length_remaining
    if length is not None and length <= LARGEST_DRAIN:
        response.drain_conn()
    else:
        response.close()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, which may be a date by the server's clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = http_date(value)
    now = http_date(headers.get("Date", "")) or datetime.datetime.now(datetime.UTC)
    return None if until is None else (until - now).total_seconds()


def http_date(value: str) -> datetime.datetime | None:
    """The moment of an HTTP date, or None if it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or datetime.UTC)


def _trust() -> ssl.SSLContext:
    """The system's trust store (SSL_CERT_FILE and SSL_CERT_DIR name another), and a bundle named for requests."""
    context = ssl.create_default_context()
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle and os.path.isfile(bundle):
        context.load_verify_locations(bundle)
    return context


def _user_agent() -> str:
    return f"lstsr-jax/{lstsr_jax.__version__}"
