"""Run one notebook in place and keep what it showed; a program, not a test.

    python tests/run_notebook.py NOTEBOOK [--probe CODE] [--twice]

It runs in whatever environment is under test, so it imports nothing of the course
and nothing but nbclient and nbformat. The notebook is executed in its own folder.
Its outputs are saved even when a cell fails, and the exit status says whether one
did. The probe is one more code cell at the end, tagged `probe`.

With `--twice` it is run as learners run it: each code cell two times in a row, and
after the last one the exercises again, and the cells whose figures the README shows.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode


def as_learners_run_it(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the code cells in the order of `--twice`, those run again with new ids."""
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    again = [cell for cell in code if 'check("' in cell.source or has_figure(cell)]
    runs = [copy.deepcopy(one) for cell in code for one in (cell, cell)]
    runs += copy.deepcopy(again)
    for number, cell in enumerate(runs):
        cell.id = f"run-{number}"
    return runs


def has_figure(cell: NotebookNode) -> bool:
    """Whether a cell draws a figure of the day's README."""
    tags = cell.metadata.get("tags", [])
    return any(tag.startswith("figure:") for tag in tags)


def main() -> int:
    """Run the notebook named on the command line; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--probe", default="")
    parser.add_argument("--twice", action="store_true")
    given = parser.parse_args()
    path = given.notebook.resolve()
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if given.twice:
        notebook.cells = as_learners_run_it(notebook.cells)
    if given.probe:
        tagged = {"tags": ["probe"]}
        notebook.cells.append(
            nbformat.v4.new_code_cell(given.probe, metadata=tagged, id="probe")
        )
    client = NotebookClient(
        notebook,
        timeout=300,
        startup_timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
