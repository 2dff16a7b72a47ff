"""The hash of the code behind a notebook's results: of what can change a number.

What cannot change one stays out of it:

- the bootstrap cell, and every cell after the one that calls `results.record`;
- a cell tagged `drawing`: it draws a mechanism, reads nothing that was measured and
  leaves nothing behind (tests/drawings.py proves it);
- in the other cells a call of `check`, `hint` or `solution`, a blank `name = ...`, and
  an import that no counted code uses;
- the modules of common/ in `CARRIERS`, and in all others the words of messages;
- comments, docstrings, layout, stored outputs, and of `budget(smoke=…, quick=…,
  full=…)` every value but that of the record's own budget.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common import ROOT
from common.results.files import RECORDED_BUDGETS
from common.results.reach import Read, mentioned, reached_definitions
from common.results.syntax import essence, parsed

UNCOUNTED_TAGS = frozenset({"bootstrap", "drawing"})


def code_hashes(notebook: Path, root: Path | None = None) -> dict[str, str]:
    """Return the hash of the code behind a notebook's results, for each budget.

    It covers the notebook's code cells and, of the modules of common/ that they
    import, directly or through another, every definition that they can reach by
    name: whoever extends the trunk for Day 12 does not make Day 1's record look old.

    Args:
        notebook: path of the .ipynb file.
        root: the course's root; by default the one this module belongs to.

    Returns:
        {"full": …, "quick": …}, each a SHA-256 in hexadecimal.
    """
    sources = counted_cells(json.loads(Path(notebook).read_text(encoding="utf-8")))
    read: Read = {}
    return {name: code_sha256(sources, name, root, read) for name in RECORDED_BUDGETS}


def counted_cells(notebook: dict[str, Any]) -> list[str]:
    """Return the sources of the code cells that can change a recorded number."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in code]
    records = [i for i, one in enumerate(sources) if "results.record(" in one]
    end = records[-1] + 1 if records else len(code)
    return [
        source
        for source, cell in zip(sources[:end], code[:end], strict=True)
        if not UNCOUNTED_TAGS & set(cell.get("metadata", {}).get("tags", ()))
    ]


def code_sha256(
    sources: Iterable[str],
    budget: str,
    root: Path | None = None,
    read: Read | None = None,
) -> str:
    """Return what `code_hashes` says for one budget, for a notebook's counted cells.

    `read` holds the modules of this root parsed so far. Handed from one budget to
    the next, it saves parsing those again that mention no budget.
    """
    texts, trees = [], []
    for source in sources:
        tree = parsed(source, budget)
        # A cell of shell commands or magics counts as it is written.
        texts.append(source.strip() if tree is None else "")
        tree = tree or parsed(_without_magics(source), budget) or ast.Module([], [])
        tree.body = [node for node in tree.body if not _marks_an_answer(node)]
        trees.append(tree)
    used = {
        name
        for tree in trees
        for node in tree.body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
        for name in mentioned(node)
    }
    digest = hashlib.sha256()
    for text, tree in zip(texts, trees, strict=True):
        tree.body = [node for node in tree.body if _has_used_names(node, used)]
        if text or tree.body:
            digest.update((text or essence(tree)).encode() + b"\0")
    root = ROOT if root is None else Path(root)
    for text in reached_definitions(trees, root, budget, {} if read is None else read):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def _marks_an_answer(node: ast.stmt) -> bool:
    """Whether a statement only calls check, hint or solution, or leaves a blank."""
    if isinstance(node, ast.Assign):
        return _is_blank(node.value)
    call = node.value if isinstance(node, ast.Expr) else None
    name = getattr(call.func, "id", "") if isinstance(call, ast.Call) else ""
    return name in ("check", "hint", "solution")


def _is_blank(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is ...
    inside = node.values if isinstance(node, ast.Dict) else getattr(node, "elts", [])
    return bool(inside) and all(map(_is_blank, inside))


def _has_used_names(node: ast.stmt, used: set[str]) -> bool:
    """Take the names that `used` lacks out of an import; say whether any is left."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        node.names = [
            alias
            for alias in node.names
            if (alias.asname or alias.name).split(".")[0] in {*used, "*"}
        ]
        return bool(node.names)
    return True


def _without_magics(source: str) -> str:
    """Return the Python lines of a cell with magics, or nothing if it has none."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.split("\n")]
    python = "\n".join(lines)
    return "" if source.startswith("%%") or parsed(python) is None else python
