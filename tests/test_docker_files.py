"""What docker/ holds: the Dockerfile, its list of packages, the compose file.

Nothing is built here; tests/test_image.py does that, in `.ci/run`.
"""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import re
import runpy
import socket
import subprocess
import sys
import tarfile
import threading
from importlib import metadata
from io import BytesIO
from pathlib import Path

import pytest
import served_model
import support
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_workflows import lint, tool

from common import container, images, oci

DOCKER = support.ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
IN_THE_IMAGE = {"extra": "", "sys_platform": "linux", "platform_system": "Linux"} | {
    "os_name": "posix",
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "platform_python_implementation": "CPython",
}


def pins(path):
    """{name: version} of a file with exact pins."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([\w.-]+)(?:\[.*\])?==([\w.+!-]+)", line) for line in lines)
    return {canonicalize_name(one[1]): one[2] for one in found if one}


def instructions():
    """The Dockerfile's instructions, comments left out and lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.M).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


# --- The packages ---------------------------------------------------------------------


def test_the_image_has_the_courses_own_versions_each_with_hashes():
    ours = pins(DOCKER / "requirements.txt")
    course = pins(support.ROOT / "constraints.txt")
    assert ours and ours == {name: course[name] for name in ours}
    text = (DOCKER / "requirements.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
    assert len(blocks) == len(ours)
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_list_is_the_closure_of_what_the_service_names():
    lines = (DOCKER / "requirements.in").read_text(encoding="utf-8").splitlines()
    waiting = [line for line in lines if re.match(r"\w", line)]
    needed = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in needed:
            needed.add(name)
            others = map(Requirement, metadata.requires(name) or [])
            waiting += [
                other.name
                for other in others
                if other.marker is None or other.marker.evaluate(IN_THE_IMAGE)
            ]
    if os.name == "posix":  # Windows has no uvloop
        assert needed == set(pins(DOCKER / "requirements.txt"))
    assert not needed & {"keras", "tensorflow", "torch", "jax", "pandas", "mlflow"}


# --- The files ------------------------------------------------------------------------


def test_the_build_sees_what_the_service_imports_and_no_more(tmp_path):
    folder = served_model.write(tmp_path / "model")
    code = support.with_course(
        "import sys; from pathlib import Path\n"
        "from common.sentiment.api import create_app, protocol\n"
        "from common.sentiment.settings import Settings\n"
        f"create_app(Settings(model=Path({str(folder)!r})))\n"
        "for name, module in sys.modules.items():\n"
        "    if name.split('.')[0] == 'common': print(module.__file__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    imported = {Path(line).resolve() for line in ran.stdout.splitlines()}
    expected = imported | {support.ROOT / "common/sentiment/api/__main__.py"}
    expected |= {DOCKER / "requirements.txt", DOCKER / "healthcheck.py"}
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    rules = [line for line in ignore.splitlines() if line and line[0] != "#"]
    assert rules[0] == "*" and all(rule.startswith("!") for rule in rules[1:])
    seen = {path for rule in rules[1:] for path in support.ROOT.glob(rule[1:])}
    assert seen == expected


def test_the_dockerfile_keeps_the_lessons_rules():
    last = max(i for i, (word, *_) in enumerate(instructions()) if word == "FROM")
    shipped = dict(instructions()[last:])
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", shipped["USER"])
    command = json.loads(shipped["CMD"])
    assert command == ["python", "-m", "common.sentiment.api"]
    assert '"/app/healthcheck.py"' in shipped["HEALTHCHECK"]
    assert "RUN" not in shipped
    assert images.BASE.endswith("/" + instructions()[0][1].split()[0])


def test_hadolint_finds_nothing():
    found = lint(tool("hadolint"), DOCKER / "Dockerfile")
    assert found.returncode == 0, found.stdout


def test_hadolint_would_find_something(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.replace(":3.11-slim-bookworm", ":latest"), "utf-8")
    found = lint(tool("hadolint"), bad)
    assert found.returncode != 0 and "DL3007" in found.stdout


def check_compose(path):
    if importlib.util.find_spec("check_jsonschema") is None:
        support.not_installed("check-jsonschema is not installed")
    checker = (sys.executable, "-m", "check_jsonschema")
    return lint(*checker, "--builtin-schema", "vendor.compose-spec", path)


def test_compose_keeps_its_schema():
    found = check_compose(DOCKER / "compose.yaml")
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_schema_would_refuse_a_misspelt_key(tmp_path):
    bad = tmp_path / "compose.yaml"
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    bad.write_text(text.replace("read_only: true\n    cap", "readonly: true\n    cap"))
    assert check_compose(bad).returncode != 0


def test_the_services_of_compose_fit_together():
    services = COMPOSE["services"]
    assert set(services) == {"api", "mlflow", "prometheus"}
    for service in services.values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), "open to the whole network"
        assert "mem_limit" in service
    api = services["api"]
    assert api["read_only"] and api["cap_drop"] == ["ALL"]
    assert api["volumes"][0]["read_only"]
    inside = api["ports"][0].rpartition(":")[2]
    scrape = yaml.safe_load((DOCKER / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = scrape["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [f"api:{inside}"]
    assert f"UVICORN_PORT={inside}" in DOCKERFILE.replace(" ", "")
    version = pins(support.ROOT / "constraints.txt")["mlflow"]
    assert services["mlflow"]["image"].endswith(f":v{version}")


# --- The health check -----------------------------------------------------------------


def answer_with(status):
    """A server that answers every GET with a status, on a thread."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, False)])
def test_the_health_check_asks_the_service_itself(monkeypatch, status, expected):
    server = answer_with(status)
    try:
        monkeypatch.setenv("UVICORN_PORT", str(server.server_port))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert runpy.run_path(str(DOCKER / "healthcheck.py"))["lives"]() is expected
    finally:
        server.shutdown()
        server.server_close()


def test_the_health_check_fails_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = subprocess.run(
        [sys.executable, DOCKER / "healthcheck.py"],
        env=os.environ | {"UVICORN_PORT": str(port)},
    )
    assert ran.returncode == 1


# --- Building and running without an engine: what needs no root -----------------------


def test_what_is_missing_for_a_build_is_said_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(images.sys, "platform", "linux")
    monkeypatch.setattr(images.os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(images.shutil, "which", lambda name: None)
    assert "buildah and debootstrap and unshare cannot be found" in images.why_not()
    with pytest.raises(images.ImageError, match="apt-get install"):
        images.Workshop(tmp_path)
    monkeypatch.setattr(images.os, "geteuid", lambda: 1000, raising=False)
    assert "root" in images.why_not()
    monkeypatch.setattr(images.sys, "platform", "darwin")
    assert "Linux" in images.why_not()


def test_the_steps_of_a_build_are_read_from_its_log():
    log = (
        "[1/2] STEP 1/2: FROM python:3.11 AS build\n[1/2] STEP 2/2: RUN pip\n"
        "--> Using cache 0a1b\n--> 0a1b\n[2/2] STEP 1/1: COPY a b\n--> 77\n"
    )
    one, two, three = images._steps(log)
    assert (two.stage, two.instruction, two.cached) == (1, "RUN pip", True)
    assert not one.cached and not three.cached and three.stage == 2
    assert images._steps("STEP 1/1: FROM scratch\n")[0].stage == 1


def test_a_step_that_waits_for_another_stage_keeps_its_result():
    log = (
        "[2/2] STEP 1/2: FROM base\n[2/2] STEP 2/2: COPY --from=build a b\n"
        "[1/2] STEP 1/3: FROM base AS build\n[1/2] STEP 2/3: RUN x\n"
        "--> Using cache 1a\n--> 1a\n[1/2] STEP 3/3: RUN y\n--> 2b\n"
        "--> Using cache 3c\n[2/2] COMMIT name\n--> 3c\n"
    )
    cached = {one.instruction: one.cached for one in images._steps(log)}
    assert cached["COPY --from=build a b"] and cached["RUN x"] and not cached["RUN y"]


def image_of(folder, *layers):
    """An image in the OCI layout; a layer is {path: content}."""
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def put(name, content):
        (folder / "blobs" / "sha256" / name).write_bytes(content)
        return {"digest": f"sha256:{name}"}

    entries = []
    for number, files in enumerate(layers):
        archive = BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o644
                entry.uid, entry.gid = getattr(os, "getuid", int)(), 0
                tar.addfile(entry, BytesIO(content))
        entries.append(put(f"layer{number}", archive.getvalue()))
    said = (f"/bin/sh -c #(nop) COPY {number}" for number in range(len(layers)))
    history = [{"created_by": words} for words in said]
    about = {"config": {"Cmd": ["x"]}, "history": [{"empty_layer": True}, *history]}
    config = put("config", json.dumps(about).encode())
    manifest = {"config": config, "layers": entries}
    index = {"manifests": [put("manifest", json.dumps(manifest).encode())]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return oci.Image(folder)


def test_layers_are_laid_over_each_other_as_the_specification_says(tmp_path):
    image = image_of(
        tmp_path / "oci",
        {"a/old": b"1", "a/b/deep": b"2", "c": b"3", "kept/x": b"4"},
        {"a/.wh.b": b"", ".wh.c": b"", "a/old": b"new", "kept/y": b"5"},
        {"kept/.wh..wh..opq": b"", "kept/z": b"6"},
    )
    assert [layer.bytes for layer in image.layers] == [4, 4, 1]
    assert image.layers[0].instruction == "COPY 0" and image.layers[0].compressed > 0
    root = container.unpack(image, tmp_path / "root")
    found = {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}
    assert set(found) == {"a/old", "kept/z"}
    assert found["a/old"].read_bytes() == b"new"


def test_a_control_group_is_there_for_the_time_of_a_with_only():
    with container.control_group(64) as group:
        assert group is None or (group / "cgroup.procs").exists()
    assert group is None or not group.exists()
