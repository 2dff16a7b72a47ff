"""Fetch one file from its official source, with an end in sight.

urllib's own time-out bounds a single network call, not the look-up of a name and
not the sum over a host's addresses. So a thread talks to the server, and the
caller waits for its next sign of life: a connection within `CONNECT_TIMEOUT`, then
bytes within every `STALL_TIMEOUT`. A slow line may take as long as it needs.
"""

import hashlib
import http.client
import io
import queue
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

CONNECT_TIMEOUT = 5.0  # seconds, name look-up and TLS included
STALL_TIMEOUT = 15.0  # seconds without a byte
CHUNK = 1 << 16  # bytes

# What failed in this session (process) is not tried again: a host that does not
# answer under its name, a file that is not there under its address.
_failed: set[str] = set()


class DownloadError(Exception):
    """Says in half a sentence why a file could not be fetched."""


def fetch(url: str, sha256: str, size: int, on_start: Callable[[], None]) -> bytes:
    """The bytes behind `url`, once their SHA-256 is right.

    Proxies are taken from the environment as urllib does. Ctrl-C works at any
    moment, and nothing is written to disk.

    Args:
        url: http or https address.
        sha256: of the file, 64 hex digits.
        size: of the file in bytes; a server that sends more is cut short.
        on_start: called when the server has answered and bytes are to follow.

    Raises:
        DownloadError: no connection, no answer, an error status, a stall, too few
            bytes or other bytes than expected; or an earlier try in this session
            failed.
    """
    host = urlsplit(url).netloc
    if host in _failed or url in _failed:
        raise DownloadError(
            f"{host} failed earlier in this session and is not tried again "
            "before a restart"
        )
    try:
        content = _receive(url, host, size, on_start)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DownloadError(f"{host} sent other bytes than the official ones")
    except DownloadError:
        _failed.add(url)
        raise
    return content


def _receive(url: str, host: str, size: int, on_start: Callable[[], None]) -> bytes:
    """What the server sends, unchecked; a host without an answer is remembered."""
    events: queue.Queue = queue.Queue(maxsize=64)
    given_up = threading.Event()
    threading.Thread(target=_pump, args=(url, events, given_up), daemon=True).start()
    body, expected, patience, phase = io.BytesIO(), None, CONNECT_TIMEOUT, "connect"
    try:
        while True:
            try:
                kind, value = events.get(timeout=patience)
            except queue.Empty:
                kind, value = "error", TimeoutError()
            if kind == "connected":
                patience, phase = STALL_TIMEOUT, "answer"
            elif kind == "length":
                expected, phase = value, "body"
                on_start()
            elif kind == "chunk":
                body.write(value)
                if body.tell() > size:
                    return body.getvalue()
            elif kind == "error":
                if phase != "body" and not isinstance(value, urllib.error.HTTPError):
                    _failed.add(host)
                raise DownloadError(_reason(value, host, phase)) from None
            elif expected is not None and body.tell() < expected:
                raise DownloadError(
                    f"{host} broke off after {body.tell():,} of {expected:,} bytes"
                )
            else:
                return body.getvalue()
    finally:
        given_up.set()


def _pump(url: str, events: queue.Queue, given_up: threading.Event) -> None:
    """Open `url` and put what happens into `events`, until the reader gives up."""

    def put(kind: str, value: object = None) -> None:
        while not given_up.is_set():
            try:
                events.put((kind, value), timeout=0.1)
                return
            except queue.Full:
                continue

    try:
        opener = urllib.request.build_opener(*_handlers(lambda: put("connected")))
        request = urllib.request.Request(url, headers={"User-Agent": "forty-days"})
        with opener.open(request, timeout=CONNECT_TIMEOUT) as response:
            length = response.headers.get("Content-Length", "")
            put("length", int(length) if length.isdigit() else None)
            while not given_up.is_set() and (chunk := response.read1(CHUNK)):
                put("chunk", chunk)
        put("end")
    except Exception as error:  # carried over to the waiting thread, which judges it
        put("error", error)


def _handlers(on_connect: Callable[[], None]) -> list[urllib.request.BaseHandler]:
    """urllib handlers that report a connection and relax its time-out then."""

    def reporting(kind: type[http.client.HTTPConnection]) -> type:
        class Reporting(kind):
            def connect(self) -> None:
                super().connect()
                self.sock.settimeout(STALL_TIMEOUT)
                on_connect()

        return Reporting

    plain = reporting(http.client.HTTPConnection)
    secure = reporting(http.client.HTTPSConnection)
    context = _tls_context()

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> object:
            return self.do_open(plain, request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> object:
            return self.do_open(secure, request, context=context)

    return [Http(), Https()]


def _tls_context() -> ssl.SSLContext:
    """The system's certificates, and certifi's where that package is installed.

    Python from python.org on a Mac comes without any certificates.
    """
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _reason(error: Exception, host: str, phase: str) -> str:
    """Half a sentence for what went wrong, without an address or a path."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{host} answered {error.code} {error.reason}"
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        if phase == "connect":
            return f"{host} could not be reached within {CONNECT_TIMEOUT:g} s"
        return f"{host} sent nothing for {STALL_TIMEOUT:g} s"
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if phase == "connect":
        return f"{host} could not be reached ({words})"
    return f"{host} broke off the transfer ({words})"
