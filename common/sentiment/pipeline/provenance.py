"""What a result was made from, as hashes: code, software, settings, files."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from common import ROOT

STAGE_RECORD = "stage.json"
"""Stands in a stage's folder and says what its other files were made from."""

_STAGES = "common.sentiment.pipeline.stages"
_SETTINGS = "common.sentiment.config"


def digest(content: Any) -> str:
    """The SHA-256 of what JSON can hold, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a stage's folder, without its record."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != STAGE_RECORD:
            with open(path, "rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def read_json(path: Path) -> dict:
    """Read what `write_json` wrote."""
    return json.loads(path.read_text(encoding="ascii"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON, the same bytes on every machine."""
    text = json.dumps(content, indent=1, ensure_ascii=True) + "\n"
    path.write_text(text, encoding="ascii", newline="\n")


# --- Code ----------------------------------------------------------------------------


def code_sha256(stages: Iterable[str]) -> str:
    """The hash of the code of all stages of these names."""
    return digest([code_of(stage) for stage in stages])


@functools.cache
def code_of(stage: str, root: Path = ROOT) -> str:
    """The hash of a stage's module, and of all of the product that it imports.

    Taken once a process: the code that runs counts, not what is saved meanwhile.
    Layout, comments and docstrings do not count: a better comment trains nothing.
    Settings count by their values, so the module that declares them does not; nor
    does the runner.

    Args:
        stage: its name, which is also its module's.
        root: of the course.
    """
    trees: dict[str, ast.Module] = {}
    waiting = [f"{_STAGES}.{stage}"]
    while waiting:
        module = waiting.pop()
        path = root.joinpath(*module.split(".")).with_suffix(".py")
        if module in trees or not _counts(module) or not path.is_file():
            continue
        trees[module] = ast.parse(path.read_text(encoding="utf-8"))
        waiting += _imported(trees[module])
    hashed = hashlib.sha256()
    for module in sorted(trees):
        text = ast.dump(_without_docstrings(trees[module]))
        hashed.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return hashed.hexdigest()


def _counts(module: str) -> bool:
    runner = module.startswith("common.sentiment.pipeline.")
    return (
        module.startswith("common.sentiment.")
        and module != _SETTINGS
        and (not runner or module.startswith(f"{_STAGES}."))
    )


def _imported(tree: ast.Module) -> list[str]:
    """All modules that the tree's import statements may mean, at any depth."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module]
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not _is_text(statement)]
    return tree


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string that stands for itself, as docstrings do."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


# --- Software ------------------------------------------------------------------------


def version(name: str) -> str:
    """The version of a package, of "python", or of the "backend" with its name."""
    if name == "python":
        return platform.python_version()
    if name == "backend":
        # In the smoke budget it leaves its graphs as they are, see common/quiet.py:
        # the last bits of what it computes may differ.
        smoke = os.environ.get("COURSE_BUDGET", "").strip() == "smoke"
        name, graphs = backend(), ", graphs not optimised" if smoke else ""
        return f"{name} {_installed(name)}{graphs}"
    return _installed(name)


def _installed(name: str) -> str:
    try:
        return installed_version(name)
    except PackageNotFoundError:
        return "not installed"


def backend() -> str:
    """The backend that Keras has, or will have: without importing it.

    A run in which nothing changed needs no Keras, and ends seconds earlier.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    if asked := os.environ.get("KERAS_BACKEND"):
        return asked
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        settings = json.loads(Path(home, "keras.json").read_text(encoding="utf-8"))
        return str(settings.get("backend") or "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
