"""The hash of the code behind a notebook's results."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common import ROOT
from common.results.files import RECORDED_BUDGETS

_BOOKKEEPING = ("common.results", "common.exercises")
"""Left out of the hash: they write numbers down or mark answers, and change none."""


def code_hashes(notebook: Path, root: Path | None = None) -> dict[str, str]:
    """Return the hash of the code behind a notebook's results, for each budget.

    It covers the notebook's code cells without the bootstrap cell, and of the modules
    of common/ that they import, directly or through another, every definition that
    they can reach by name. Comments, docstrings, layout and stored outputs do not
    count; nor does a helper that another day uses. Whoever extends the trunk for
    Day 12 does not make Day 1's record look old. Of `budget(smoke=…, quick=…, full=…)`
    only the value of the budget in question counts: whoever shortens the smoke run
    does not make a full record look old either.

    Args:
        notebook: path of the .ipynb file.
        root: the course's root; by default the one this module belongs to.

    Returns:
        {"full": …, "quick": …}, each a SHA-256 in hexadecimal.
    """
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    sources = [
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code"
        and "bootstrap" not in cell.get("metadata", {}).get("tags", ())
    ]
    read: _Read = {}
    return {name: code_sha256(sources, name, root, read) for name in RECORDED_BUDGETS}


def code_sha256(
    sources: Iterable[str],
    budget: str,
    root: Path | None = None,
    read: _Read | None = None,
) -> str:
    """Return what `code_hashes` says for one budget, for a notebook's code cells.

    `read` holds the modules of this root parsed so far. Handed from one budget to
    the next, it saves parsing those again that mention no budget.
    """
    read = {} if read is None else read
    digest = hashlib.sha256()
    trees = []
    for source in sources:
        tree = _parsed(source, budget)
        # A cell of shell commands or magics counts as it is written.
        text = source.strip() if tree is None else _essence(tree)
        trees.append(tree or _parsed(_without_magics(source), budget))
        digest.update(text.encode() + b"\0")
    reached = _reached(trees, ROOT if root is None else Path(root), budget, read)
    for text in reached:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def _parsed(source: str, budget: str = "") -> ast.Module | None:
    """Return the syntax tree as a budget sees it, None for what is not Python."""
    try:
        return _AsBudgeted(budget).visit(ast.parse(source))
    except (SyntaxError, ValueError):
        return None


class _AsBudgeted(ast.NodeTransformer):
    """Replaces each `budget(smoke=a, quick=b, full=c)` by the value of one budget."""

    def __init__(self, budget: str):
        self.budget = budget

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        values = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "budget" and not node.args:
            return values.get(self.budget, node)
        return node


def _without_magics(source: str) -> str:
    """Return the Python lines of a cell with magics, or nothing if it has none."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.split("\n")]
    python = "\n".join(lines)
    return "" if source.startswith("%%") or _parsed(python) is None else python


_EMPTY = "Constant(value='')"


def _essence(node: Any) -> str:
    """Return a syntax tree as text, the same on every Python version of the course.

    Positions and string statements (docstrings) are left out, and so are empty
    fields, which newer versions add.
    """
    if isinstance(node, ast.JoinedStr):
        # Python 3.12 alone ends a nested format specification with an empty string.
        parts = [_essence(part) for part in node.values]
        return f"JoinedStr([{', '.join(p for p in parts if p != _EMPTY)}])"
    if isinstance(node, ast.AST):
        fields = ", ".join(
            f"{name}={_essence(value)}"
            for name, value in ast.iter_fields(node)
            if name not in ("ctx", "kind", "type_comment", "type_ignores")
            and value is not None
            and value != []
        )
        return f"{type(node).__name__}({fields})"
    if isinstance(node, list):
        kept = [item for item in node if not _is_docstring(item)]
        return f"[{', '.join(_essence(item) for item in kept)}]"
    return repr(node)


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class _Statement(NamedTuple):
    """A top-level statement of a module: its text, what it defines and mentions."""

    text: str
    binds: frozenset[str]
    mentions: frozenset[str]
    imports: frozenset[str]


_Read = dict[tuple[str, str], tuple[list[_Statement], set[str]]]


def _reached(
    cells: Sequence[ast.AST], root: Path, budget: str, read: _Read
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
            if name in modules or name.startswith(_BOOKKEEPING):
                continue
            modules[name], imported = _read_module(name, root, budget, read)
            waiting += imported

    for cell in cells:
        names |= _mentioned(cell)
        open_modules(_imported(cell, "", root))
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
    name: str, root: Path, budget: str, read: _Read
) -> tuple[list[_Statement], set[str]]:
    """Return a module's top-level statements, and what importing it imports."""
    source = _module_file(name, root).read_text(encoding="utf-8")
    key = name, budget if "budget" in source else ""
    if key not in read:
        read[key] = _parsed_module(source, name, root, budget)
    return read[key]


def _parsed_module(
    source: str, name: str, root: Path, budget: str
) -> tuple[list[_Statement], set[str]]:
    tree = _AsBudgeted(budget).visit(ast.parse(source))
    statements, imported = [], set()
    for node in tree.body:
        if _is_docstring(node) or _is_for_type_checkers(node):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported |= _imported(node, name, root)
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
                    _essence(node),
                    frozenset(_bound(node)),
                    frozenset(_mentioned(node)),
                    frozenset(_imported(node, name, root)),
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


def _mentioned(tree: ast.AST) -> set[str]:
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


def _imported(tree: ast.AST, module: str, root: Path) -> set[str]:
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
    return {name for name in parents if _module_file(name, root).is_file()}


def _absolute(node: ast.ImportFrom, module: str, root: Path) -> str:
    """Return the absolute name behind `from ..x import y` in `module`."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    is_package = _module_file(module, root).name == "__init__.py"
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join(parts + ([node.module] if node.module else []))


def _module_file(name: str, root: Path) -> Path:
    path = root.joinpath(*name.split("."))
    package = path / "__init__.py"
    return package if package.is_file() else path.with_suffix(".py")
