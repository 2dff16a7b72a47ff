"""Notebook files: read, brought to one form, and their outputs looked through."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

BOOTSTRAP = "bootstrap"
"""The tag of the cell that is the same in every notebook."""

FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
"""A cell's metadata with which Colab, and JupyterLab and VS Code, fold its source."""

FIGURE = "figure:"
"""A code cell tagged figure:NAME draws figures/NAME.png of the day's README."""

DRAWING = "drawing"
"""The tag of a code cell that draws a mechanism: see tests/drawings.py."""

MAX_BYTES = 1_500_000
"""How large a stored notebook may be."""

MAX_PNG_BYTES = 150_000
"""A stored picture above this size is reported."""


def read(path: Path) -> NotebookNode:
    """Read a notebook file (format 4)."""
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def dump(notebook: NotebookNode) -> str:
    """Return the text of a notebook file."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def tags(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return cell.get("metadata", {}).get("tags", [])


def is_the_same_in_every_run(cell: NotebookNode) -> bool:
    """Return whether neither a budget nor the data change what a code cell shows."""
    return DRAWING in tags(cell) or cell.source.startswith("# NBVAL_CHECK_OUTPUT")


def drawings_sha256(notebook: NotebookNode) -> str:
    """Return a hash of the code of all drawings, to see later that one was edited."""
    drawings = [cell.source for cell in notebook.cells if DRAWING in tags(cell)]
    return hashlib.sha256("\0".join(drawings).encode()).hexdigest()


def bring_to_form(notebook: NotebookNode) -> bool:
    """Give a notebook the ids and metadata in which it is stored; outputs stay.

    Ids count the cells, a cell's metadata are its tags (the bootstrap cell is folded
    too), and the notebook's name a kernel without a patch version. Returns whether
    anything had to change.
    """
    before = dump(notebook)
    kept = ("record", "drawings")
    kept = {name: notebook.metadata[name] for name in kept if name in notebook.metadata}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"file_extension": ".py", "name": "python"},
        }
        | kept
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02d}"
        kept = {"tags": tags(cell)} if tags(cell) else {}
        if BOOTSTRAP in tags(cell):
            kept = FOLDED | kept
        cell.metadata = nbformat.from_dict(kept)
    return dump(notebook) != before


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that hold code, or will."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def number_outputs(notebook: NotebookNode) -> None:
    """Number executions from 1 and show outputs as a terminal would, in place."""
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = count
        cell.outputs = rendered(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count


def rendered(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return outputs with each stream in one piece, as a terminal shows it."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else {}  # only streams have a name
        if output.output_type == "stream" and output.name == last.get("name"):
            last.text += output.text
        else:
            merged.append(output)
    for output in merged:
        if output.output_type == "stream":
            output.text = as_terminal(output.text)
    return [o for o in merged if o.output_type != "stream" or o.text]


def as_terminal(text: str) -> str:
    """Return what a terminal shows after `text`: \\r and \\b move, then overwrite.

    A progress bar leaves its last line. Colours stay with their characters.
    """
    return "\n".join(_line_as_terminal(line) for line in text.split("\n"))


def _line_as_terminal(line: str) -> str:
    if "\r" not in line and "\b" not in line:
        return line
    shown: list[str] = []
    column, style = 0, ""
    for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.", line, flags=re.S):
        if piece == "\r":
            column = 0
        elif piece == "\b":
            column = max(column - 1, 0)
        elif piece == "\x1b[K":
            del shown[column:]
        elif len(piece) > 1:
            style += piece
        else:
            shown[column : column + 1] = [style + piece]
            column, style = column + 1, ""
    return ("".join(shown) + style).rstrip(" ") if shown else ""


# --- What a stored output must not hold ----------------------------------------------

_UNWANTED = {
    "a warning": re.compile(
        r"\b\w*Warning\b|\bWARNING\b|^[IWEF]\d{4} \d\d:\d\d:\d", re.M
    ),
    "a path of one machine": re.compile(
        r"(?<![\w:/.~-])/(?:root|home|tmp|work|workspace|Users|usr|opt|var|mnt|private"
        r"|content)/[\w.~-]|\b[A-Za-z]:\\{1,2}Users\b|file://"
    ),
    "an address in a private network": re.compile(
        r"\b(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+\b"
    ),
    "the address of an object": re.compile(r"\bat 0x[0-9a-fA-F]{6,}"),
    "carriage-return debris": re.compile(r"\r(?!\n)|\x08"),
}


def output_problems(cell: NotebookNode, host: str = "") -> list[str]:
    """Return what the stored outputs of a code cell must not hold, in words.

    The host that ran it is looked for where its name looks like a machine's.
    """
    found = []
    for output in cell.outputs:
        if output.output_type == "error":
            found.append(f"an error ({output.ename}: {output.evalue})")
        if any("widget" in kind for kind in output.get("data", {})):
            found.append("a widget, which a reader without a kernel cannot see")
    unwanted = dict(_UNWANTED)
    if re.search(r"\d|-|\.", host) and len(host) > 3:
        unwanted["the name of a machine"] = re.compile(rf"\b{re.escape(host)}\b")
    for text in output_texts(cell):
        for what, pattern in unwanted.items():
            if hit := pattern.search(text):
                begin = max(hit.start() - 20, 0)
                excerpt = " ".join(text[begin : hit.end() + 40].split())
                found.append(f"{what} ({excerpt!r})")
    return list(dict.fromkeys(found))


def output_texts(cell: NotebookNode) -> Iterator[str]:
    """Yield every piece of text that a code cell's outputs show."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        for kind, content in output.get("data", {}).items():
            if kind.startswith("text/") or kind == "image/svg+xml":
                yield content


def pictures(cell: NotebookNode) -> list[bytes]:
    """Return the PNG files that a code cell shows."""
    return [
        base64.b64decode(output.data["image/png"])
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def readme_figures(notebook: NotebookNode) -> dict[str, bytes]:
    """Return {NAME: png} for the cells tagged figure:NAME, the last picture of each.

    Raises:
        ValueError: a tagged cell shows no picture, or two cells have one name.
    """
    figures: dict[str, bytes] = {}
    for cell in notebook.cells:
        for tag in tags(cell):
            if not tag.startswith(FIGURE):
                continue
            name = tag.removeprefix(FIGURE)
            shown = pictures(cell) if cell.cell_type == "code" else []
            if not shown:
                raise ValueError(f"the cell tagged {tag} shows no picture")
            if name in figures or not re.fullmatch(r"[a-z0-9_]+", name):
                raise ValueError(f"the tag {tag} is used twice or is no file name")
            figures[name] = shown[-1]
    return figures


def title(cell: Any) -> str:
    """Return the first line of code of a cell, to name it in a message."""
    lines = [line.strip() for line in cell.source.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    return (code or lines or [""])[0][:60]
