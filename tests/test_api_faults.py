"""The server of the sentiment model as a program, mistreated: it answers on.

Load, faults and generated requests. No test asserts a latency: those are measured in
Day 30's notebook, on a quiet machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import served_model
import support

from common.sentiment.predictor import Predictor

JSON = {"content-type": "application/json"}
PATIENCE = 60  # seconds for what takes one or two on an idle machine

posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(question, what, seconds=PATIENCE):
    """Return the first true answer; fail if there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if answer := question():
                return answer
        time.sleep(0.05)
    pytest.fail(f"not within {seconds} s: {what}")


class Server:
    """The program of the README on a free port; a context, so that it always ends."""

    ready, cwd, kept, patience = "/ready", support.ROOT, (), PATIENCE

    def __init__(self, folder, tmp_path, *options, **variables):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = tmp_path / f"server-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program(folder, str(port), *options)],
                cwd=self.cwd,
                env=os.environ | {"SENTIMENT_MODEL": str(folder), **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.kept,
            )

    def program(self, _folder, port, *options):
        return ["-m", "common.sentiment.api", *options, "--port", port]

    def __enter__(self):
        def ready():
            if self.process.poll() is not None:
                pytest.fail(f"it ended: {self.log.read_text()[-3000:]}")
            return httpx.get(self.url + self.ready, timeout=5).status_code == 200

        try:
            until(ready, "a ready server", self.patience)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(PATIENCE)

    def predict(self, **request):
        request = {"timeout": PATIENCE, **request}
        return httpx.post(self.url + "/predict", **request)

    @property
    def address(self):
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def lines(self):
        """Return the JSON lines of the log."""
        text = self.log.read_text().splitlines()
        return [json.loads(line) for line in text if line.startswith("{")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return served_model.write(tmp_path_factory.mktemp("model") / "served")


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    with Server(
        folder, tmp_path_factory.mktemp("log"), SENTIMENT_BODY_SECONDS="2"
    ) as one:
        yield one


def assert_well(server):
    """The server still answers, and none of its answers was a 500."""
    assert server.predict(json={"text": "good"}).status_code == 200
    assert server.process.poll() is None
    assert "Traceback" not in server.log.read_text()
    assert not [line for line in server.lines() if line.get("status", 0) == 500]


# --- Bodies ---------------------------------------------------------------------------


def resident_bytes(server):
    for line in httpx.get(server.url + "/metrics").text.splitlines():
        if line.startswith("process_resident_memory_bytes "):
            return float(line.split()[1])
    return None  # no such metric outside Linux


def most_resident_bytes(server):
    """Return the peak so far: what a connection held is free again after its end."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        return None  # outside Linux
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024


def pieces(total, piece=b"x" * 65_536):
    for _ in range(total // len(piece)):
        yield piece


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_bodies_of_ten_megabytes_are_refused_and_not_kept(server, chunked):
    assert_well(server)
    before = resident_bytes(server)
    for _ in range(5):
        content = pieces(10_000_000) if chunked else b"x" * 10_000_000
        answer = server.predict(content=content, headers=JSON)
        assert answer.status_code == 413, answer.text
    if before is not None:
        assert resident_bytes(server) - before < 20e6
    assert_well(server)


STRANGE = {
    "invalid UTF-8": b'{"text": "\xff\xfe\xfd"}',
    "UTF-8 cut off": '{"text": "ä'.encode()[:-1],
    "a lone surrogate": b'{"text": "\\udc00"}',
    "UTF-16": '{"text": "good"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"text": "good"}',
    "deep lists": b"[" * 500_000,
    "deep objects": b'{"a":' * 100_000,
    "deep but closed": b'{"text": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a long number": b'{"text": ' + b"1" * 100_000 + b"}",
    "infinity": b'{"text": Infinity}',
    "an exponent": b'{"text": 1e999999}',
    "a key twice": b'{"text": "a", "text": 1}',
    "many keys": json.dumps(dict.fromkeys(map(str, range(20_000)))).encode(),
    "zeros": b"\x00" * 1000,
    "nothing": b"",
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_strange_body_gets_an_answer_and_no_500(server, what):
    answer = server.predict(content=STRANGE[what], headers=JSON)
    assert answer.status_code in (200, 400, 422), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.content) < 5_000
    assert_well(server)


@pytest.mark.parametrize(
    "lines",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["garbage", "negative size", "two sizes", "long path", "headers", "TLS"],
)
def test_what_is_not_http_is_cut_off(server, lines):
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(server.address, timeout=PATIENCE) as line,
    ):
        line.sendall(lines)
        line.shutdown(socket.SHUT_WR)
        head = line.recv(1000)
        assert not head or head.startswith((b"HTTP/1.1 4", b"HTTP/1.1 2"))
    assert_well(server)


ENDLESS = {
    "requests ahead of their answers": (
        b"",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" * 500,
    ),
    "one header": (b"GET /health HTTP/1.1\r\nX: ", b"y" * 65_536),
    "headers": (b"GET /health HTTP/1.1\r\n", b"X: y\r\n" * 10_000),
    "a path": (b"GET /", b"y" * 65_536),
    "trailers": (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X: y\r\n" * 10_000,
    ),
}


@posix
@pytest.mark.parametrize("what", ENDLESS)
def test_what_no_layer_of_the_application_sees_fills_no_memory(folder, tmp_path, what):
    """The parser reads before the gate asks for a key."""
    begin, more = ENDLESS[what]

    def flood(server):
        with (
            contextlib.suppress(OSError),  # cut off, as it should be
            socket.create_connection(server.address, timeout=2) as line,
        ):
            line.sendall(begin)
            for _ in range(40_000_000 // len(more)):
                line.sendall(more)  # reads no answer

    with Server(folder, tmp_path, SENTIMENT_API_KEY="k") as one:
        before = most_resident_bytes(one)
        threads = [threading.Thread(target=flood, args=(one,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert httpx.get(one.url + "/health", timeout=PATIENCE).status_code == 200
        if before is not None:
            assert most_resident_bytes(one) - before < 20e6


def test_requests_sent_ahead_are_answered_in_their_order(server):
    paths = [b"/health", b"/nothing", b"/ready"] * 40
    asked = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths)
    found = b""
    with socket.create_connection(server.address, timeout=PATIENCE) as line:
        line.sendall(asked)
        while found.count(b"HTTP/1.1 ") < len(paths):
            found += line.recv(65_536)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", found)
    assert statuses == [b"200", b"404", b"200"] * 40


# --- What is written down -------------------------------------------------------------

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    "Sec-WebSocket-Version": "13",
}


class PlainServer(Server):
    """As somebody starts it who knows uvicorn and nothing else."""

    def program(self, _folder, port, *options):
        app = "common.sentiment.api:create_app"
        return ["-m", "uvicorn", "--factory", app, *options, "--port", port]


@pytest.mark.parametrize("kind", [Server, PlainServer])
def test_a_websocket_brings_no_text_into_the_log(folder, tmp_path, kind):
    with kind(folder, tmp_path) as one:
        asked = one.url + "/predict?text=wonderful"
        answer = httpx.get(asked, headers=UPGRADE, timeout=PATIENCE)
        assert answer.status_code in (403, 405)
        assert one.predict(json={"text": "good"}).status_code == 200
        until(lambda: one.lines()[-1].get("status") == 200, "the line of the last")
    assert "wonderful" not in one.log.read_text()


@posix
def test_a_standard_output_that_nobody_reads_hangs_nothing(folder, tmp_path):
    class Unread(Server):
        def program(self, *given):
            # A pipe whose reading end this test holds and never reads
            code = f"import os, runpy; os.dup2({writer}, 1); os.dup2({writer}, 2); "
            code += "runpy.run_module('common.sentiment.api', run_name='__main__')"
            return ["-c", code, *super().program(*given)[2:]]

    reader, writer = os.pipe()
    Unread.kept = (writer,)
    try:
        with Unread(folder, tmp_path) as one:
            with httpx.Client(base_url=one.url, timeout=10) as client:
                for _ in range(1_500):
                    assert client.get("/health").status_code == 200
            one.process.terminate()
            assert one.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    finally:
        os.close(reader)
        os.close(writer)


# --- Slow clients ---------------------------------------------------------------------


@pytest.fixture
def many_files():
    """Let this process, too, open as many connections as the test needs."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip("this system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


HALF_A_HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-"
HALF_A_BODY = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"text": "go'
)


@posix
def test_a_thousand_slow_clients_keep_nobody_out(server, many_files):
    async def run():
        opened = await asyncio.gather(
            *(asyncio.open_connection(*server.address) for _ in range(1000))
        )
        try:
            for number, (_, writer) in enumerate(opened):
                writer.write(HALF_A_BODY if number % 2 else HALF_A_HEAD)
            await asyncio.gather(*(writer.drain() for _, writer in opened))
            # They all hang on now; whoever comes properly is served
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                for _ in range(20):
                    answer = await client.post("/predict", json={"text": "good"})
                    assert answer.status_code == 200, answer.text
                assert (await client.get("/health")).status_code == 200
            # Who does not send the rest of a body in time is told so and let go
            heads = await asyncio.wait_for(
                asyncio.gather(*(reader.read() for reader, _ in opened[1::2])), PATIENCE
            )
        finally:
            for _, writer in opened:
                writer.close()
        return {head[:12] for head in heads}

    assert asyncio.run(run()) == {b"HTTP/1.1 408"}
    assert_well(server)


@posix
def test_a_stop_signal_ends_it_soon_though_a_client_hangs_on(folder, tmp_path):
    with Server(folder, tmp_path, SENTIMENT_BODY_SECONDS="1") as one:
        with socket.create_connection(one.address) as line:
            line.sendall(HALF_A_BODY)
            until(
                lambda: "sentiment_requests" in httpx.get(one.url + "/metrics").text, ""
            )
            one.process.send_signal(signal.SIGTERM)
            one.process.wait(PATIENCE)
        assert one.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in one.log.read_text()


# --- Load -----------------------------------------------------------------------------


class Load:
    """Threads that ask for predictions, one after the other, until told to stop."""

    def __init__(self, server, threads=4):
        self.statuses, self.broken, self.ended = [], 0, threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(server.url,))
            for _ in range(threads)
        ]

    def _ask(self, url):
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(httpx.Client(base_url=url, timeout=PATIENCE))
            while not self.ended.is_set():
                try:
                    answer = client.post("/predict", json={"text": "good"})
                except httpx.TransportError:
                    with self._lock:
                        self.broken += 1
                    continue
                with self._lock:
                    self.statuses.append(answer.status_code)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, count):
        """Wait until so many more answers have come."""
        goal = len(self.statuses) + count
        until(lambda: len(self.statuses) >= goal, f"{count} more answers")


def workers(server):
    """Return the process ids of the workers: children that run this Python's code."""
    psutil = pytest.importorskip("psutil")
    found = set()
    for child in psutil.Process(server.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is gone too
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def always_ready(server):
    """Whether twenty new connections, spread over the workers, all find a model."""
    found = [httpx.get(server.url + "/ready").status_code for _ in range(20)]
    return set(found) == {200}


@posix
def test_a_killed_worker_takes_only_its_own_requests_with_it(folder, tmp_path):
    shared = tmp_path / "metrics"
    shared.mkdir()
    with Server(
        folder,
        tmp_path,
        "--workers=2",
        PROMETHEUS_MULTIPROC_DIR=str(shared),
    ) as one:
        first = until(lambda: len(workers(one)) == 2 and workers(one), "two workers")
        threads = 4
        with Load(one, threads) as load:
            load.more(40)
            os.kill(min(first), signal.SIGKILL)
            load.more(40)
            until(lambda: len(workers(one) - first) == 1, "a new worker")
            until(lambda: always_ready(one), "a model in each worker")
            settled = len(load.statuses) + threads
            load.more(40)
        # The new worker says 503 until it has verified its model, the other never
        assert set(load.statuses) <= {200, 503}
        assert set(load.statuses[settled:]) == {200}
        assert load.statuses.count(200) >= 80
        # Each thread had at most one request at the worker, and may have met its
        # listening socket's last connections
        assert load.broken <= 2 * threads
        # Each worker answers for all, the dead one included
        found = httpx.get(one.url + "/metrics").text
        counted = sum(
            float(line.rsplit(" ", 1)[1])
            for line in found.splitlines()
            if line.startswith("sentiment_requests_total") and "/predict" in line
        )
        assert counted >= len(load.statuses) - threads


def test_more_than_it_can_do_is_refused_with_a_time_to_come_back(folder, tmp_path):
    with Server(folder, tmp_path, SENTIMENT_ANSWER_SECONDS="0.05") as one:
        batch = json.dumps({"texts": ["good " * 3_000] * 64}).encode()

        async def run():
            limits = httpx.Limits(max_connections=40)
            async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as client:
                asked = (
                    client.post(one.url + "/predict", content=batch, headers=JSON)
                    for _ in range(40)
                )
                return await asyncio.gather(*asked)

        found = asyncio.run(run())
        assert {answer.status_code for answer in found} == {200, 503}
        for answer in found:
            if answer.status_code == 503:
                assert answer.json()["error"] == "overloaded"
                assert int(answer.headers["retry-after"]) >= 1
        assert_well(one)


def test_a_model_is_replaced_under_load_without_a_failed_request(folder, tmp_path):
    live = tmp_path / "live"
    shutil.copytree(folder, live)
    with Server(live, tmp_path, SENTIMENT_RELOAD_SECONDS="0.05") as one:

        def state():
            return httpx.get(one.url + "/ready", timeout=30).json()

        def label():
            found = one.predict(json={"text": "good"}).json()
            return found["predictions"][0]["label"]

        old = state()["manifest_sha256"]
        with Load(one, threads=2) as load:
            load.more(20)
            (live / "model.onnx").write_bytes(b"half a cop")
            warning = until(lambda: state()["warning"], "a warning")
            assert "model.onnx" in warning
            assert state()["manifest_sha256"] == old and label() == "positive"
            served_model.write(live, sign=-1)
            until(lambda: state()["manifest_sha256"] != old, "the new model")
            assert label() == "negative"
            shutil.rmtree(live)
            until(lambda: state()["warning"], "a warning about the folder")
            assert label() == "negative"
            load.more(20)
        assert set(load.statuses) == {200} and not load.broken
        assert_well(one)


# --- The start ------------------------------------------------------------------------


def test_a_bad_setting_ends_the_start_with_one_sentence(folder, tmp_path):
    one = Server(folder, tmp_path, SENTIMENT_MAX_TEXTS="lots")
    try:
        assert one.process.wait(PATIENCE) == 3
    finally:
        one.stop()
    (line,) = one.log.read_text().splitlines()
    assert "SENTIMENT_MAX_TEXTS = 'lots'" in line


def test_it_lives_without_a_model_and_serves_when_one_comes(folder, tmp_path):
    later = tmp_path / "later"
    one = Server(later, tmp_path, SENTIMENT_RELOAD_SECONDS="0.05")
    try:
        until(lambda: httpx.get(one.url + "/health").status_code == 200, "health")
        answer = httpx.get(one.url + "/ready")
        assert answer.status_code == 503 and "retry-after" in answer.headers
        shutil.copytree(folder, later)
        until(lambda: httpx.get(one.url + "/ready").status_code == 200, "ready")
    finally:
        one.stop()


# --- Generated requests ---------------------------------------------------------------


def test_no_generated_request_gets_an_undocumented_answer(server):
    """What the schema allows, and what it does not: no 5xx, only documented answers."""
    try:
        import schemathesis
        from hypothesis import HealthCheck, Phase, given, seed, settings
    except ImportError:
        support.not_installed("schemathesis is not installed")
    allowed, wrong = (
        schemathesis.GenerationMode.POSITIVE,
        schemathesis.GenerationMode.NEGATIVE,
    )
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        # Without a parameter or a body there is nothing to get wrong
        for mode in [allowed, wrong] if len(operation.body) else [allowed]:
            tried.add((operation.method.upper(), operation.path, mode))

            @seed(30)
            @settings(
                max_examples=50 if len(operation.body) else 5,
                database=None,
                deadline=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def every(case):
                case.call_and_validate(timeout=PATIENCE)

            every()
    assert ("POST", "/predict", wrong) in tried
    assert ("GET", "/metrics", allowed) in tried
    assert_well(server)


# --- Beside it -----------------------------------------------------------------------


class MlflowServer(Server):
    """The rival of Day 30's notebook, started by the notebook's own program."""

    ready, patience = "/ping", 4 * PATIENCE  # it imports much, in two programs

    def __init__(self, folder, tmp_path):
        self.cwd = tmp_path
        super().__init__(folder, tmp_path)

    def program(self, folder, port):
        serve = next(support.ROOT.glob("day30_*/peers/serve_mlflow.py"))
        return [str(serve), port, str(folder)]

    def stop(self):
        with contextlib.suppress(ProcessLookupError):  # the server is a grandchild
            os.killpg(self.process.pid, signal.SIGTERM)
        super().stop()


@posix
def test_mlflow_serves_the_same_model(folder, tmp_path):
    """Day 30 compares with it; its smoke run leaves it out, its start takes long."""
    texts = ["A wonderful film.", "dull", ""]
    with MlflowServer(folder, tmp_path) as server:
        asked = {"inputs": {"text": texts}}
        reply = httpx.post(server.url + "/invocations", json=asked, timeout=PATIENCE)
    assert reply.status_code == 200, reply.text
    expected = Predictor.load(folder).probabilities(texts)
    assert reply.json()["predictions"] == pytest.approx(expected.tolist(), abs=1e-6)
