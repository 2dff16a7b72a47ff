"""The CI workflow, the issue forms, CITATION.cff, the licences, and `.ci/run`."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import support
import yaml

ROOT = support.ROOT
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PRODUCT = ROOT / "day34_cicd" / "workflow.yml"
"""The sentiment model's, which Day 34 explains; it runs in a repository of its own."""
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[0-9]-*.yml"))


def tool(name: str) -> str:
    """Return the path of a linter that requirements-test.txt installs."""
    beside_python = Path(sys.executable).parent
    found = shutil.which(name, path=beside_python) or shutil.which(name)
    if found is None:
        support.not_installed(f"{name} is not installed (requirements-test.txt)")
    return found


def lint(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a linter and return how it ended."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def workflow(path: Path) -> dict[str, Any]:
    """Return a workflow; YAML 1.1 reads its key `on` as true."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def test_the_course_has_workflows_and_forms() -> None:
    """The lists below are not empty because a folder was moved."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "weekly.yml"]
    assert len(FORMS) == 3


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        pytest.param("github-workflows", [*WORKFLOWS, PRODUCT], id="workflows"),
        pytest.param("github-issue-forms", FORMS, id="issue forms"),
        pytest.param(
            "github-issue-config",
            [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
            id="issue config",
        ),
        pytest.param("citation-file-format", [ROOT / "CITATION.cff"], id="citation"),
    ],
)
def test_the_schema_holds(schema: str, files: list[Path]) -> None:
    """Each file is what GitHub reads it as."""
    if importlib.util.find_spec("check_jsonschema") is None:
        support.not_installed("check-jsonschema is not installed")
    checker = (sys.executable, "-m", "check_jsonschema")
    found = lint(*checker, "--builtin-schema", f"vendor.{schema}", *files)
    assert found.returncode == 0, found.stdout + found.stderr


def test_zizmor_finds_nothing() -> None:
    """No template injection, no unpinned action, no right too many."""
    found = lint(tool("zizmor"), "--offline", "--no-progress", *WORKFLOWS, PRODUCT)
    assert found.returncode == 0, found.stdout + found.stderr


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    """The same call refuses a workflow that pastes a title into a shell."""
    bad = tmp_path / "bad.yml"
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    injected = "run: echo ${{ github.event.pull_request.title }}"
    assert "run: $COMMAND" in text
    bad.write_text(text.replace("run: $COMMAND", injected), encoding="utf-8")
    found = lint(tool("zizmor"), "--offline", "--no-progress", bad)
    assert found.returncode != 0
    assert "template-injection" in found.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_the_least_rights(path: Path) -> None:
    """Nothing by default, reading per job, a time limit, nobody else's code."""
    content = workflow(path)
    assert content["permissions"] == {}
    assert "concurrency" in content
    assert "pull_request_target" not in content[True]
    for job in content["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert 0 < job["timeout-minutes"] <= (300 if path.stem == "weekly" else 90)
    for step in steps(path):
        assert "uses" not in step, f"an action: {step['uses']}"
        assert "${{" not in step["run"], "an expression inside a shell script"


def test_the_products_workflow_has_the_least_rights() -> None:
    """Only the release may write; actions are named by commit; scripts are plain."""
    content = workflow(PRODUCT)
    assert content["permissions"] == {}
    assert "concurrency" in content
    assert "pull_request_target" not in content[True]
    for name, job in content["jobs"].items():
        right = "write" if name == "release" else "read"
        assert job["permissions"] == {"contents": right}
        assert 0 < job["timeout-minutes"] <= 60
    assert "refs/tags/model-v" in content["jobs"]["release"]["if"]
    for step in steps(PRODUCT):
        assert "${{" not in step.get("run", ""), "an expression in a shell script"
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])


def test_the_products_cache_is_that_of_its_lock_file_and_no_releases() -> None:
    """Another lock file is another key, with nothing to fall back on."""
    caches = [
        step["with"]
        for step in steps(PRODUCT)
        if step.get("uses", "").startswith("actions/cache@")
    ]
    assert len(caches) == 3
    for cache in caches:
        assert "hashFiles('requirements.txt', 'constraints.txt')" in cache["key"]
        assert "restore-keys" not in cache
        assert cache["lookup-only"] == "${{ startsWith(github.ref, 'refs/tags/') }}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_what_exists(path: Path) -> None:
    """Its commands are make targets and scripts of this repository."""
    commands = [
        entry["command"]
        for job in workflow(path)["jobs"].values()
        for entry in job["strategy"]["matrix"]["include"]
    ]
    assert ("make test-all" if path.stem == "weekly" else "make test") in commands
    for command in commands:
        program, argument = command.split()
        if program == "make":
            asked = lint("make", "--dry-run", argument)
            assert asked.returncode == 0, asked.stderr
        else:
            assert (ROOT / argument).is_file()


def test_both_workflows_take_the_same_steps() -> None:
    """The tests of CI's steps below hold for the weekly run as well."""
    first, second = (steps(path) for path in WORKFLOWS)
    assert first == second


def test_each_week_everything_runs() -> None:
    """It comes by the clock, asks for no choice, and its commands make none."""
    weekly = next(path for path in WORKFLOWS if path.stem == "weekly")
    content = workflow(weekly)
    assert len(content[True]["schedule"]) == 1
    assert "COURSE_CHOICE" not in weekly.read_text(encoding="utf-8")
    (job,) = content["jobs"].values()
    entries = job["strategy"]["matrix"]["include"]
    commands = {entry["command"] for entry in entries}
    assert commands == {"make test-all", "make test-colab"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "COURSE_CHOICE" not in makefile
    for variant in ("real data", "jax", "torch"):
        assert f"$(CHOICE) {variant}`" in makefile


def test_ci_runs_a_choice_and_says_which() -> None:
    """`.ci/run` asks for it, after `make test` has run every notebook."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    every, asked, colab, rest = (
        script.index(part)
        for part in (
            "make test\n",
            "export COURSE_CHOICE",
            "make test-colab",
            "test-all",
        )
    )
    assert every < asked < colab < rest


def test_the_checkout_step_fetches_the_commit(tmp_path: Path) -> None:
    """The step's own script, run against a local server, lands on the right commit."""
    step = next(s for s in steps(WORKFLOWS[0]) if s["name"].startswith("Check out"))
    env = support.surroundings(tmp_path / "home")
    source = tmp_path / "server" / "owner" / "repository"
    source.mkdir(parents=True)

    def git(*arguments: str) -> str:
        author = ("-c", "user.name=A Test", "-c", "user.email=test@example.org")
        done = subprocess.run(
            ["git", *author, *arguments],
            cwd=source,
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "--quiet")
    git("config", "uploadpack.allowAnySHA1InWant", "true")  # as on GitHub
    for number in ("first", "second", "third"):
        (source / "number.txt").write_text(number, encoding="utf-8")
        git("add", "number.txt")
        git("commit", "--quiet", f"--message={number}")
    wanted = git("rev-parse", "HEAD~1")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=workspace,
        env=env
        | {
            "GITHUB_SERVER_URL": (tmp_path / "server").as_uri(),
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_SHA": wanted,
        },
        check=True,
    )
    assert (workspace / "number.txt").read_text(encoding="utf-8") == "second"


def test_the_python_step_finds_the_version(tmp_path: Path) -> None:
    """Its folder goes on the path; a version that is not there fails the job."""
    step = next(s for s in steps(WORKFLOWS[0]) if s["name"].startswith("Choose"))
    for version in ("3.11.9", "3.13.1"):
        place = tmp_path / "tools" / "Python" / version / "x64" / "bin"
        place.mkdir(parents=True)
        (place / "python3").write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        (place / "python3").chmod(0o755)
    script = ["bash", "-e", "-c", step["run"]]
    chosen = tmp_path / "path.txt"
    env = os.environ | {
        "RUNNER_TOOL_CACHE": str(tmp_path / "tools"),
        "GITHUB_PATH": str(chosen),
    }
    subprocess.run(script, env=env | {"WANTED": "3.11"}, check=True)
    assert chosen.read_text(encoding="utf-8").strip().endswith("3.11.9/x64/bin")
    missing = subprocess.run(
        script, env=env | {"WANTED": "3.9"}, capture_output=True, text=True
    )
    assert missing.returncode != 0


def test_the_citation_names_this_release() -> None:
    """Title, version and address are those of course.toml."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    course = support.course_settings()["course"]
    assert cited["title"] == course["name"]
    assert cited["repository-code"] == course["repository"]
    assert f"v{cited['version']}" == course["release"]
    assert cited["license"] == ["MIT", "CC-BY-4.0"]


def test_the_licences_are_whole() -> None:
    """Both texts start and end as their authors wrote them."""
    code = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert code.startswith("MIT License\n\nCopyright (c) ")
    assert code.endswith("OTHER DEALINGS IN THE\nSOFTWARE.\n")
    text = (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8")
    assert text.startswith("Creative Commons Attribution 4.0 International\n")
    assert all(f"\nSection {number} – " in text for number in range(1, 9))
    assert text.endswith("may be contacted at creativecommons.org.\n")


def test_the_ci_script_is_sound_bash() -> None:
    """It parses, stops at the first failure, and names no place of one machine."""
    script = ROOT / ".ci" / "run"
    assert lint("bash", "-n", script).returncode == 0
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    for place in ("/root", "/home/", "/work", "/tmp/"):
        assert place not in text, f"a path of one machine: {place}"
