"""The host's contract: our service keeps it, and each clause alone can be broken."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import served_model

from common import program
from common.sentiment import host_contract, hosted

# A small server that keeps every clause, but the one that BREAK names
SERVER = """
import hashlib, http.server, json, os, signal, sys, threading
broken = os.environ.get("BREAK", "")
key = os.environ.get("API_KEY", "")

def log(event, **facts):
    if broken == "logs":
        print(event)
    print(json.dumps({"event": event, **facts}), flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = not os.environ.get("UNREADY") or broken == "ready"
        alive = not os.environ.get("UNREADY") or broken != "health"
        good = {"/health": alive, "/ready": ready}.get(self.path, False)
        self.answer(200 if good else 503, {})
    def do_POST(self):
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        if key and self.headers["X-Key"] != key and broken != "secret":
            return self.answer(401, {})
        if broken == "stateless":
            open("cache", "w").write(text)
        who = os.getpid() if broken == "alike" else 0
        self.answer(200, {"length": len(text), "who": who})
        log("request", **({"text": text} if broken == "privacy" else {}))
    def answer(self, status, content):
        reply = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
    def log_message(self, *line):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

if broken == "standard error":
    print("a warning", file=sys.stderr, flush=True)
log("start", **({"key": key} if broken == "shown" else {}))
if broken == "never starts":
    raise SystemExit(3)  # before it listens, however slow the machine is
port = 0 if broken == "port" else int(os.environ["PORT"])
server = Server(("127.0.0.1", port), Handler)
stop = lambda *_: threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, signal.SIG_IGN if broken == "deaf" else
              signal.SIG_DFL if broken == "termination" else stop)
server.serve_forever(0.05)
server.server_close()
"""
TERMS = host_contract.Terms(
    secret_variable="API_KEY",
    secret_header="X-Key",
    unready={"UNREADY": "1"},
    start_seconds=5,
    grace_seconds=2,
)
ALL = set(host_contract.CLAUSES)
BROKEN = {
    "nothing": set(),
    "port": ALL,
    "never starts": ALL,
    "health": {"health"},
    "ready": {"ready"},
    "termination": {"termination"},
    "deaf": {"termination"},
    "logs": {"logs"},
    "standard error": {"logs"},
    "privacy": {"privacy"},
    "secret": {"secret"},
    "shown": {"secret"},
    "stateless": {"stateless"},
    "alike": {"stateless"},
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """By fault: the clauses of a server that has it; judged side by side."""
    file = tmp_path_factory.mktemp("server") / "server.py"
    file.write_text(SERVER, encoding="utf-8")

    def judged(fault):
        start = hosted.process_starter([sys.executable, str(file)], BREAK=fault)
        return {c.name: c for c in host_contract.judge(start, TERMS)}

    with ThreadPoolExecutor(4) as threads:
        return dict(zip(BROKEN, threads.map(judged, BROKEN), strict=True))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to answer")
@pytest.mark.parametrize("fault", BROKEN)
def test_each_clause_alone_can_be_broken(verdicts, fault):
    clauses = verdicts[fault]
    assert list(clauses) == list(host_contract.CLAUSES)
    assert {name for name, c in clauses.items() if not c.kept} == BROKEN[fault], clauses


def test_a_service_that_does_not_listen_is_told_why(verdicts):
    assert "whatever PORT says" in verdicts["port"]["port"].seen
    assert "ended with 3" in verdicts["never starts"]["port"].seen
    assert all(c.kept is None for n, c in verdicts["port"].items() if n != "port")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to answer")
def test_our_service_keeps_the_contract_as_the_manifests_start_it(tmp_path):
    model = served_model.write(tmp_path / "model")
    start = hosted.process_starter(
        program.command("common.sentiment.api", "--port", "{port}"),
        SENTIMENT_MODEL=str(model),
        UVICORN_LOG_LEVEL="warning",
    )
    clauses = host_contract.judge(start)
    assert [c for c in clauses if not c.kept] == []


def test_nothing_runs_on_after_a_judgement(verdicts, tmp_path):
    started = []

    def start(environment):
        one = hosted.Process(
            [sys.executable, "-c", "import time; time.sleep(60)"], environment
        )
        started.append(one)
        return one

    terms = host_contract.Terms(start_seconds=0.2, grace_seconds=0.2)
    assert not any(c.kept for c in host_contract.judge(start, terms))
    assert [one.ended(0) is not None for one in started] == [True]
