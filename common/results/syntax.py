"""Python code as the hash of a record sees it: what a budget runs, without words."""

from __future__ import annotations

import ast
from typing import Any

_EMPTY = "Constant(value='')"


def parsed(source: str, budget: str = "") -> ast.Module | None:
    """Return the syntax tree as a budget sees it, None for what is not Python."""
    try:
        return as_budgeted(ast.parse(source), budget)
    except (SyntaxError, ValueError):
        return None


def as_budgeted(tree: ast.Module, budget: str) -> ast.Module:
    """Replace each `budget(smoke=a, quick=b, full=c)` by the value of one budget."""
    return _Budgeted(budget).visit(tree)


class _Budgeted(ast.NodeTransformer):
    def __init__(self, budget: str):
        self.budget = budget

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        values = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "budget" and not node.args:
            return values.get(self.budget, node)
        return node


def without_messages(tree: ast.Module) -> ast.Module:
    """Empty the words of every message: of what is raised, warned of or printed.

    Only the words go. What a message calls or looks up, as `next` in
    `print(f"{next(left)} to go")`, still counts.
    """
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
        if isinstance(call, ast.Call):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            is_shown = isinstance(node, ast.Expr) and name in ("print", "warn")
            if is_shown or isinstance(node, ast.Raise):
                for part in call.args:
                    _empty_words(part)
    return tree


def _empty_words(node: ast.AST) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node.value = ""
    elif isinstance(node, (ast.JoinedStr, ast.BinOp, ast.IfExp)):
        for part in ast.iter_child_nodes(node):
            _empty_words(part)
    elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
        _empty_words(node.format_spec)


def essence(node: Any) -> str:
    """Return a syntax tree as text, the same on every Python version of the course.

    Positions and string statements (docstrings) are left out, and so are empty
    fields, which newer versions add.
    """
    if isinstance(node, ast.JoinedStr):
        # Python 3.12 alone ends a nested format specification with an empty string.
        parts = [essence(part) for part in node.values]
        return f"JoinedStr([{', '.join(p for p in parts if p != _EMPTY)}])"
    if isinstance(node, ast.AST):
        fields = ", ".join(
            f"{name}={essence(value)}"
            for name, value in ast.iter_fields(node)
            if name not in ("ctx", "kind", "type_comment", "type_ignores")
            and value is not None
            and value != []
        )
        return f"{type(node).__name__}({fields})"
    if isinstance(node, list):
        kept = [item for item in node if not is_docstring(item)]
        return f"[{', '.join(essence(item) for item in kept)}]"
    return repr(node)


def is_docstring(node: Any) -> bool:
    """Return whether a statement is a string and nothing else."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
