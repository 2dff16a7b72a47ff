"""The image of the service, really built and really run (`pytest -m image`).

Takes root on Debian or Ubuntu with buildah and debootstrap, the package index and a
mirror of Debian; where one of them is missing, everything here is skipped with the
reason. `.ci/run` installs the tools and runs this; `make test` leaves it out.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import served_model
import support

from common import container, images
from common.sentiment import host_contract
from common.sentiment.predictor import Predictor

pytestmark = pytest.mark.image

LARGEST = 350e6
TEXTS = ["Good, good!", "An awful, dull film.", "A wonderful film about nothing."]
DIRECT = {"trust_env": False, "timeout": 30}


def mounts():
    """The machine's mounts, as this process sees them."""
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The image, its root, a model, and what the builds said."""
    if reason := images.why_not():
        pytest.skip(reason)
    before = mounts()
    scratch = tmp_path_factory.mktemp("image")
    try:
        images.base_archive()
    except images.ImageError as reason:
        pytest.skip(f"No base image can be made here: {reason}")
    workshop = images.Workshop(scratch / "workshop")
    first, _ = workshop.build("docker/Dockerfile", "sentiment")
    image = workshop.read("sentiment")
    model = served_model.write(scratch / "model")
    for place in (model, *model.iterdir()):
        place.chmod(0o755 if place.is_dir() else 0o644)
    yield SimpleNamespace(
        workshop=workshop,
        scratch=scratch,
        first=first,
        image=image,
        root=container.unpack(image, scratch / "root"),
        model=model,
    )
    shutil.rmtree(scratch)  # fails if anything is still mounted in there
    assert mounts() == before


def run(built, *command, model=True, **environment):
    """A container of the image."""
    given = {"/model": built.model} if model else {}
    return container.Container(
        built.image,
        built.root,
        mounts=given,
        environment=environment,
        command=list(command) or None,
    )


def test_it_is_small_and_holds_what_serving_needs(built):
    assert sum(layer.bytes for layer in built.image.layers) <= LARGEST
    names = built.workshop.paths("sentiment")
    packages = {
        found[1].lower()
        for name in names
        if (found := re.fullmatch(r"venv/lib/[^/]+/site-packages/([^/]+)", name))
    }
    assert {"fastapi", "onnxruntime", "numpy", "uvicorn"} <= packages
    assert not packages & {"pip", "setuptools", "keras", "tensorflow", "torch"}
    assert not {"etc/pip.conf", "build", "root/.cache/pip"} & names
    ours = {
        str(path.relative_to("app"))
        for path in map(Path, names)
        if path.parts[:2] == ("app", "common") and path.suffix == ".py"
    }
    assert "common/sentiment/training.py" not in ours and len(ours) > 20


def test_our_union_of_the_layers_is_the_tools(built):
    """But for the place where a container before had its model mounted."""
    ours = {str(path.relative_to(built.root)) for path in built.root.rglob("*")}
    assert ours - {"model"} == built.workshop.paths("sentiment")


def test_a_second_build_runs_no_step_and_new_code_leaves_the_packages(built):
    again, _ = built.workshop.build("docker/Dockerfile", "again")
    steps = [one for one in again if not one.instruction.startswith("FROM")]
    assert len(again) == len(built.first) and all(one.cached for one in steps)
    course = support.copy_of_course(built.scratch / "course")
    for change, runs in (("training.py", False), ("settings.py", True)):
        with open(course / "common/sentiment" / change, "a", encoding="utf-8") as file:
            file.write("\n# a new line\n")
        steps, _ = built.workshop.build("docker/Dockerfile", "new", context=course)
        by_words = {one.instruction: one.cached for one in steps}
        assert by_words["COPY common /app/common"] is not runs
        (install,) = (words for words in by_words if "pip install" in words)
        assert by_words[install]


def test_its_configuration_is_the_dockerfiles(built):
    config = built.image.config
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["python", "-m", "common.sentiment.api"]
    assert config["StopSignal"] == "SIGTERM"
    made_by = (one.get("created_by", "") for one in built.image.about["history"])
    history = " ".join(made_by)
    assert "HEALTHCHECK" in history and "healthcheck.py" in history
    assert "PASSWORD" not in history.upper() and "cert" not in history


def test_it_answers_as_the_model_does_without_any_rights(built):
    with run(built).wait() as one:
        url = f"http://127.0.0.1:{one.port}/predict"
        answer = httpx.post(url, json={"texts": TEXTS}, **DIRECT).json()
        found = [each["probability"] for each in answer["predictions"]]
        expected = Predictor.load(built.model).probabilities(TEXTS)
        np.testing.assert_allclose(found, expected)
        status = Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8")
        assert re.search(r"Uid:\t10001\t10001\t10001\t10001\n", status)
        assert re.search(r"Gid:\t10001\t10001\t10001\t10001\nFDSize.*\nGroups:\t? ?\n",
                         status)  # fmt: skip
        assert re.search(r"CapEff:\t0+\n", status)
        assert re.search(r"NSpid:\t\d+\t1\n", status)
        health = ("python", "/app/healthcheck.py")
        assert run(built, *health, UVICORN_PORT=str(one.port)).ended() == 0
        assert one.stop() == 0
        assert run(built, *health, UVICORN_PORT=str(one.port)).ended() == 1


@pytest.mark.parametrize(
    ("place", "allowed"),
    [("/x", 0), ("/app/x", 0), ("/venv/x", 0), ("/model/x", 0), ("/tmp/x", 1)],
)
def test_it_can_write_nowhere_but_into_its_memory(built, place, allowed):
    one = run(built, "python", "-c", f"open({place!r}, 'w').write('x')")
    assert one.ended() == (0 if allowed else 1)
    assert allowed or re.search("Read-only file system|Permission denied", one.said())


def test_without_a_model_it_lives_and_is_not_ready(built):
    with run(built, model=False).wait("/health") as one:
        ready = httpx.get(f"http://127.0.0.1:{one.port}/ready", **DIRECT)
        assert ready.status_code == 503
        assert one.stop() == 0


def test_a_stop_loses_no_request_that_was_let_in(built):
    """Under load, and with a request of which half has come."""
    body = json.dumps({"text": TEXTS[0]}).encode()
    with run(built).wait() as one:
        late = http.client.HTTPConnection("127.0.0.1", one.port, timeout=20)
        late.putrequest("POST", "/predict")
        late.putheader("Content-Type", "application/json")
        late.putheader("Content-Length", str(len(body)))
        late.endheaders(body[:10])
        statuses, header = [], {"Content-Type": "application/json"}

        def ask_on():
            url = f"http://127.0.0.1:{one.port}/predict"
            # A connection each; one that the kernel holds when the server stops
            # listening was not let in, and is reset
            with contextlib.suppress(httpx.TransportError):
                while True:
                    asked = httpx.post(url, content=body, headers=header, **DIRECT)
                    statuses.append(asked.status_code)

        clients = [threading.Thread(target=ask_on) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(1)
        one.signal(signal.SIGTERM)
        time.sleep(0.5)
        late.send(body[10:])
        assert late.getresponse().status == 200
        for client in clients:
            client.join(20)
        late.close()
        assert one.ended(10) == 0
        assert len(statuses) >= len(clients) and set(statuses) == {200}


def test_a_program_without_a_handler_is_killed_after_the_grace_period(built):
    one = run(built, "python", "-c", "import time; print('up'); time.sleep(60)")
    end = time.monotonic() + 20
    while "up" not in one.said() and time.monotonic() < end:
        time.sleep(0.05)
    assert one.stop(0.5) == 128 + signal.SIGKILL


def test_what_a_step_breaks_is_said(built):
    bad = built.scratch / "bad" / "Dockerfile"
    bad.parent.mkdir()
    bad.write_text("FROM python:3.11-slim-bookworm\nRUN false\n", encoding="utf-8")
    with pytest.raises(images.ImageError, match="RUN false"):
        built.workshop.build(bad, "bad", context=bad.parent)


class Hosted:
    """A container of the image, as the host of Day 32's contract sees it."""

    def __init__(self, built, environment):
        self.box = run(built, **{"UVICORN_LOG_LEVEL": "warning"} | dict(environment))
        self.port = self.box.port

    @property
    def pid(self):
        return self.box.pid

    def wrote(self):
        # A container made by hand has no /sys; ONNX Runtime, which looks for graphics
        # cards there, says so in a line of its own
        lines = self.box.said().splitlines(keepends=True)
        return "".join(line for line in lines if ":onnxruntime:" not in line), ""

    def left(self):
        return []  # its root is read-only, which is tested above

    def ended(self, seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.box.ended(seconds)
        return None

    def kill(self):
        self.box.kill()


def test_it_keeps_the_contract_of_a_host(built):
    clauses = host_contract.judge(lambda environment: Hosted(built, environment))
    assert [one for one in clauses if not one.kept] == []
