"""HTTP: connections kept open, redirects that the token does not follow, and what is worth a second try.

No library such as requests: it would add credentials of its own (it reads netrc at every redirect).
"""

import contextlib
import datetime
import email.utils
import random
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from types import TracebackType
from typing import Final, Self, TypeVar

import lstsr_jax
from data_builders.download.addresses import Origin, origin_of, target_of, without_query
from data_builders.download.connections import Connections, Response
from data_builders.download.faults import Broken, Refused, Stopped, say
from data_builders.download.login import Login

T = TypeVar("T")
REDIRECTS: Final = 10
LONGEST_WAIT_S: Final = 300.0
LONGEST_CONNECT_S: Final = 15.0
FIRST_ATTEMPTS: Final = 2
"""So often a connection is tried while nothing has answered yet: rather the address is wrong than the network weak."""


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
        timeout_s: float = 30.0,
        attempts: int = 5,
        back_off_s: float = 1.0,
        debug: bool = False,
    ) -> None:
        """Connect to nothing yet.

        Args:
            login: gives the token.
            search: where the search is: the token may go there, and to NASA's hosts.
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
        self._timeout_s = timeout_s
        self._connections = Connections()

    def __enter__(self) -> Self:
        """Nothing is connected yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the connections that were kept."""
        self._connections.close()

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
        response = self._follow(url, dict(headers or {}), max(timeout_s, self._timeout_s))
        try:
            self._check(response)
            yield response
        finally:
            response.close()

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
        connect_s = min(timeout_s, LONGEST_CONNECT_S)
        token = self.login.token_for(first) if self.may_see_token(first) else None
        for _ in range(REDIRECTS):
            if not self.allowed(origin):
                raise Refused(None, f"{without_query(url)}: plain http, which anybody on the way can read or change")
            sent = {"User-Agent": _user_agent(), "Accept-Encoding": "identity", **headers}
            if token is not None:
                sent["Authorization"] = f"Bearer {token}"
            response = self._connections.get(origin, target_of(url), sent, connect_s=connect_s, timeout_s=timeout_s)
            self._answered = True
            if self._debug:
                length = response.headers.get("Content-Length", "?")
                self._tell(f"GET {without_query(url)} -> {response.status} {length} B")
            if not response.location:
                return response
            response.leave()
            url = urllib.parse.urljoin(url, response.location)
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

    def _wait_until(self, moment: float) -> None:
        wait = moment - time.monotonic()
        if self.stop.is_set() or (wait > 0 and self.stop.wait(wait)):
            raise Stopped

    def _tell(self, text: str) -> None:
        if self._debug:
            print(f"debug: {self.login.redact(text)}", file=sys.stderr)


def _retry_after(headers: Message) -> float | None:
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


def _user_agent() -> str:
    return f"lstsr-jax/{lstsr_jax.__version__}"
