"""What a cell tagged `drawing` may do: read nothing measured, leave nothing behind.

Such a cell stays out of the hash of a record's code. So it may read what the notebook
imports for drawing and calculating (`READABLE`), and names that cells before it work
out from numbers written there; and no name that it binds, and nothing that it could
change in place, is read by a cell that counts.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode

from tools import notebooks

DRAWING = notebooks.DRAWING

READABLE = (
    "collections", "common.diagrams", "common.plots", "dataclasses", "functools",
    "itertools", "math", "matplotlib", "numpy", "operator", "pandas", "seaborn",
    "string", "textwrap",
)  # fmt: skip
"""Imports that bring no measured value; whatever else is imported might."""

FORBIDDEN = {
    "eval", "exec", "globals", "input", "load", "loadtxt", "locals", "open", "random",
    "read_csv", "vars",
}  # fmt: skip
"""Names that reach data or the random numbers of later cells past the analysis."""


@dataclass
class Cell:
    """What a code cell reads from others, binds for others and changes in place."""

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    spells: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    """What its functions read whenever they are called."""
    imports: dict[str, str] = field(default_factory=dict)


class _Reader(ast.NodeVisitor):
    """Goes through a cell in the order in which Python runs it."""

    def __init__(self) -> None:
        self.cell = Cell()

    def visit_Name(self, node: ast.Name) -> None:
        self.cell.spells.add(node.id)
        if not isinstance(node.ctx, ast.Load):
            self.cell.binds.add(node.id)
        elif node.id not in self.cell.binds and not hasattr(builtins, node.id):
            self.cell.reads.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.cell.spells.add(node.attr)
        self._visit_part(node)

    def _visit_part(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._changed_in_place(node)
        self.generic_visit(node)

    visit_Subscript = _visit_part

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):  # x.sort(): called for what it does
            self._changed_in_place(node.value.func)
        self.generic_visit(node)

    def _changed_in_place(self, node: ast.AST) -> None:
        inside = False
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node, inside = node.value, True
        if inside and isinstance(node, ast.Name) and node.id not in self.cell.binds:
            self.cell.changes.add(node.id)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.cell.binds |= {node.name} - {None}
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._in_order(node.value, *node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._in_order(*filter(None, [node.value]), node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.Name(node.target.id, ast.Load()))
        self._in_order(node.value, node.target)

    def visit_For(self, node: ast.For) -> None:
        self._in_order(node.iter, node.target, *node.body, *node.orelse)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._in_order(node.value, node.target)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._in_order(node.iter, node.target, *node.ifs)

    def _visit_comprehended(self, node: ast.AST) -> None:
        """A comprehension has names of its own; its clauses run before its element."""
        before = set(self.cell.binds)
        own = [n for c in node.generators for n in ast.walk(c.target)]
        self._in_order(*node.generators)
        for name, part in ast.iter_fields(node):
            if name != "generators":
                self.visit(part)
        self.cell.binds -= {n.id for n in own if isinstance(n, ast.Name)} - before

    visit_ListComp = visit_SetComp = visit_DictComp = _visit_comprehended
    visit_GeneratorExp = _visit_comprehended

    def _visit_function(self, node: ast.FunctionDef | ast.Lambda) -> None:
        arguments = node.args
        outside = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
        body = node.body if isinstance(node.body, list) else [node.body]
        self._in_order(*getattr(node, "decorator_list", []), *outside)
        inside = read_cell(body)
        parameters = {
            one.arg for one in ast.walk(arguments) if isinstance(one, ast.arg)
        }
        shared = _declared_global(body)
        kept_inside = parameters | inside.binds - shared
        self.cell.later |= (inside.reads | inside.later) - kept_inside
        self.cell.changes |= (inside.changes | shared) - kept_inside
        self.cell.spells |= inside.spells
        if name := getattr(node, "name", ""):
            self.cell.binds.add(name)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._in_order(*node.decorator_list, *node.bases, *node.keywords)
        inside = read_cell(node.body)
        self.cell.reads |= inside.reads - self.cell.binds
        self.cell.later |= inside.later
        self.cell.changes |= inside.changes
        self.cell.spells |= inside.spells
        self.cell.binds.add(node.name)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            short = alias.name.split(".")[0]
            self._imported(alias.asname or short, alias.name if alias.asname else short)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._imported(alias.asname or alias.name, f"{node.module}.{alias.name}")

    def _imported(self, name: str, source: str) -> None:
        self.cell.imports[name] = source
        self.cell.binds.add(name)

    def _in_order(self, *nodes: ast.AST) -> None:
        for node in nodes:
            self.visit(node)


def read_cell(body: Iterable[ast.stmt]) -> Cell:
    """Return what statements read, bind and may change in place."""
    reader = _Reader()
    for node in body:
        reader.visit(node)
    return reader.cell


def _declared_global(body: Iterable[ast.stmt]) -> set[str]:
    parts = [part for node in body for part in ast.walk(node)]
    return {
        n for p in parts if isinstance(p, (ast.Global, ast.Nonlocal)) for n in p.names
    }


def complaints(code: list[tuple[int, NotebookNode]]) -> Iterator[str]:
    """Yield what the drawing cells among a notebook's numbered code cells must not do.

    Args:
        code: the code cells, with their place in the notebook.
    """
    cells = {n: c for n, c in code if notebooks.BOOTSTRAP not in notebooks.tags(c)}
    drawings = {n for n, c in cells.items() if DRAWING in notebooks.tags(c)}
    read: dict[int, Cell] = {}
    before: list[tuple[int, Cell]] = []
    for number, cell in cells.items():
        try:
            body = ast.parse(cell.source).body
        except SyntaxError:
            if number in drawings:
                yield f"drawing {number} holds more than Python"
            continue
        read[number] = read_cell(body)
        before += [(number, read_cell([node])) for node in body]
    modules = {name: at for one in read.values() for name, at in one.imports.items()}
    counted = [(n, one) for n, one in read.items() if n not in drawings]
    at_any_time = {name for _, one in counted for name in one.later}
    for number in sorted(drawings & set(read)):
        one = read[number]
        after = {name for n, other in counted if n > number for name in other.reads}
        if left := sorted(one.binds & (after | at_any_time)):
            yield f"drawing {number} binds {', '.join(left)}, which other cells read"
        if one.imports:
            yield f"drawing {number} imports"
        if changed := sorted(one.changes - _drawing_tools(modules)):
            yield f"drawing {number} may change {', '.join(changed)} of another cell"
        earlier = [statement for n, statement in before if n < number]
        if measured := sorted(_measured(one, earlier, modules)):
            yield f"drawing {number} reads {', '.join(measured)}, which may be measured"


def _drawing_tools(modules: dict[str, str]) -> set[str]:
    """Names whose functions a drawing calls for what they draw: plt.show()."""
    return {
        name
        for name, source in modules.items()
        if source.startswith(
            ("matplotlib", "seaborn", "common.diagrams", "common.plots")
        )
    }


def _measured(drawing: Cell, before: list[Cell], modules: dict[str, str]) -> set[str]:
    """Names that a drawing reads, itself or through the statements behind them.

    A name is harmless if it is an import of `READABLE`, or if each statement that
    binds or changes it reads harmless names only and spells nothing of `FORBIDDEN`.
    """
    found = drawing.spells & FORBIDDEN
    waiting, seen = list(drawing.reads | drawing.later - drawing.binds), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in modules:
            source = modules[name]
            if not any(f"{source}.".startswith(f"{one}.") for one in READABLE):
                found.add(name)
            continue
        for one in before:
            if name in one.binds | one.changes:
                found |= one.spells & FORBIDDEN
                waiting += one.reads | one.later | one.changes
    return found
