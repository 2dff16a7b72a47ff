"""What a notebook's cells reach in common/, definition by definition."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from common.results.syntax import (
    as_budgeted,
    essence,
    is_docstring,
    without_messages,
)

CARRIERS = {
    "common.results": "writes numbers down",
    "common.exercises": "marks answers",
    "common.plots": "draws",
    "common.day_points": "draws",
    "common.diagrams": "draws",
    "common.packages": "installs what requirements.txt pins",
    "common.homes": "finds a folder for the learner's files",
    "common.program": "starts programs",
    "common.artifact_folders": "keeps folders and hands them on, byte for byte",
    "common.terminal": "runs git and dvc as they are typed, apart from the user's",
    "common.datasets.ladder": "hands on bytes of the SHA-256 that a recipe asks for",
    "common.datasets.download": "fetches them",
}
"""Modules that can change no number, with what they do instead.

Whatever computes, trains, reads, cuts, shuffles or chooses does not belong here."""


def carries(module: str) -> bool:
    """Return whether a module, or the package it stands in, is one of `CARRIERS`."""
    return any(module == one or module.startswith(f"{one}.") for one in CARRIERS)


class _Statement(NamedTuple):
    """A top-level statement of a module: its text, what it defines and mentions."""

    text: str
    binds: frozenset[str]
    mentions: frozenset[str]
    imports: frozenset[str]


Read = dict[tuple[str, str], tuple[list[_Statement], set[str]]]


def reached_definitions(
    cells: Sequence[ast.AST], root: Path, budget: str, read: Read
) -> list[str]:
    """Return the text of every definition in common/ that notebook cells can reach.

    Names are followed by their spelling, wherever they stand, in strings as well:
    a definition too many may be counted, but none that is called. What a module does
    when it is imported (statements that define nothing) always counts.
    """
    modules: dict[str, list[_Statement]] = {}
    names: set[str] = set()
    reached: set[str] = set()

    def open_modules(found: Iterable[str]) -> None:
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            if name in modules or carries(name):
                continue
            modules[name], imported = _read_module(name, root, budget, read)
            waiting += imported

    for cell in cells:
        names |= mentioned(cell)
        open_modules(imported_modules(cell, "", root))
    grown = True
    while grown:
        grown = False
        for module, statements in list(modules.items()):
            for one in statements:
                text = f"{module}: {one.text}"
                if text not in reached and (not one.binds or one.binds & names):
                    reached.add(text)
                    names |= one.mentions
                    open_modules(one.imports)
                    grown = True
    return sorted(reached)


def _read_module(
    name: str, root: Path, budget: str, read: Read
) -> tuple[list[_Statement], set[str]]:
    """Return a module's top-level statements, and what importing it imports."""
    source = module_file(name, root).read_text(encoding="utf-8")
    key = name, budget if "budget" in source else ""
    if key not in read:
        read[key] = _parsed_module(source, name, root, budget)
    return read[key]


def _parsed_module(
    source: str, name: str, root: Path, budget: str
) -> tuple[list[_Statement], set[str]]:
    tree = without_messages(as_budgeted(ast.parse(source), budget))
    statements, imported = [], set()
    for node in tree.body:
        if is_docstring(node) or _is_for_type_checkers(node):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported |= imported_modules(node, name, root)
            statements += [
                _Statement(
                    f"from {getattr(node, 'module', None)} import {alias.name}",
                    frozenset({(alias.asname or alias.name).split(".")[0]}),
                    frozenset(alias.name.split(".")),
                    frozenset(),
                )
                for alias in node.names
            ]
        else:
            statements.append(
                _Statement(
                    essence(node),
                    frozenset(_bound(node)),
                    frozenset(mentioned(node)),
                    frozenset(imported_modules(node, name, root)),
                )
            )
    return statements, imported


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id


def mentioned(tree: ast.AST) -> set[str]:
    """Return every name that a syntax tree spells, also in strings."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias):
            names.update(node.name.split("."))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.update([node.value] if node.value.isidentifier() else [])
    return names


def imported_modules(tree: ast.AST, module: str, root: Path) -> set[str]:
    """Return the modules of common/ that import statements in `tree` load."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, root)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    parents = {
        ".".join(parts[:end])
        for parts in (name.split(".") for name in found)
        for end in range(1, len(parts) + 1)
        if parts[0] == "common"
    }
    return {name for name in parents if module_file(name, root).is_file()}


def _absolute(node: ast.ImportFrom, module: str, root: Path) -> str:
    """Return the absolute name behind `from ..x import y` in `module`."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    is_package = module_file(module, root).name == "__init__.py"
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join(parts + ([node.module] if node.module else []))


def module_file(name: str, root: Path) -> Path:
    """Return where a module of common/ stands, or would."""
    path = root.joinpath(*name.split("."))
    package = path / "__init__.py"
    return package if package.is_file() else path.with_suffix(".py")
