"""Which days CI runs in which variant, besides every day once on TensorFlow.

    python tools/choice.py VARIANT     prints the notebooks; why, on standard error

Without COURSE_CHOICE in the environment that is every day: `make test-all` runs all.
With it, four things select a day, in this order:

1. an input of its own changed in the last day of commits, or is new: a code cell, or a
   file of its folder that is no text, record or figure;
2. it is the first of a family in course.toml that exists;
3. a module of common/ or a package that it uses changed in that time;
4. the rotation: every commit has another part of the days, so that all come round.

A variant takes `MOST` days at most, and of 1, 3 and 4 begins elsewhere at every commit,
each variant at another place: forty changed days run in one variant at least. What
changed is compared with the newest commit that is a day older than this one, or with
the oldest that a young or shallow clone has.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common.results import notebook_path  # noqa: E402
from common.results.reach import imported_modules, module_file  # noqa: E402
from tools import console  # noqa: E402
from tools.course import load_course  # noqa: E402

VARIANTS = ("real data", "twice", "colab", "jax", "torch")
MOST = 10
"""How many days a variant runs: five variants have room for all forty."""
TURNS = 11
"""After so many commits the rotation has been through all days."""

TEXTS = re.compile(r"README\.md|results\.json|figures/.*")
PINS = re.compile(r"(requirements[\w-]*|constraints|tests/colab/requirements)\.txt")
EVERYWHERE = {"ipykernel", "keras", "nbclient", "tensorflow"}
"""Packages that every notebook needs, whatever it imports."""


class Change(NamedTuple):
    """A file with its text before and after; "" where there is or was none."""

    path: str
    before: str
    after: str


def choose(
    days: list[Path],
    families: Mapping[str, list[int]],
    changes: list[Change],
    turn: int,
    variant: str,
) -> dict[Path, str]:
    """Return the chosen days' folders, in the order of `days`, each with the reason.

    All days that exist may be chosen: those of the families by their numbers, the
    others by what changed in the last day of commits and by the turn, a number that
    grows from commit to commit. Each variant is at another place of the rotation.
    """
    place = turn % TURNS
    step = VARIANTS.index(variant)
    changed: dict[Path, str] = {}
    for day in days:
        if own := [one.path for one in changes if _is_own_input(one, day)]:
            changed[day] = f"{own[0]} changed"
    some = _turned(list(changed), turn + step * len(changed) // len(VARIANTS))
    why = {day: changed[day] for day in some[:MOST]}
    numbered = {int(day.name[3:5]): day for day in days}
    first: dict[Path, str] = {}
    for family, members in families.items():
        if there := [numbered[number] for number in members if number in numbered]:
            first[there[0]] = f"the first of {family}"
    for day, reason in first.items():
        if len(why) < MOST:
            why.setdefault(day, reason)
    rest = [day for day in days if day not in first]
    rest = _turned(rest, len(rest) * place // TURNS + step)
    for day in rest:
        wanted = len(why) < MOST and day not in why
        if wanted and (used := _used(day, changes, variant)):
            why[day] = f"{used} changed, which it uses"
    for day in rest[: -(-len(rest) // TURNS)]:
        if len(why) < MOST:
            why.setdefault(day, f"its turn, {place + 1} of {TURNS}")
    return {day: why[day] for day in days if day in why}


def _turned(days: list[Path], by: int) -> list[Path]:
    return [days[(by + i) % len(days)] for i in range(len(days))]


def _is_own_input(change: Change, day: Path) -> bool:
    folder, _, name = change.path.partition("/")
    if folder != day.name or TEXTS.fullmatch(name):
        return False
    code = _code if name.endswith(".ipynb") else str
    return code(change.before) != code(change.after)


def _code(notebook: str) -> list[str]:
    """Return the code cells of a notebook but for the one that all have in common."""
    return [
        "".join(cell["source"])
        for cell in (json.loads(notebook)["cells"] if notebook else [])
        if cell["cell_type"] == "code"
        and "bootstrap" not in cell.get("metadata", {}).get("tags", ())
    ]


def _used(day: Path, changes: list[Change], variant: str) -> str:
    """Return what changed of the shared files and packages that a day uses, or ""."""
    files, imports = _uses(day)
    folders = {file.rpartition("/")[0] for file in files}
    for path, before, after in changes:
        is_data_beside = not path.endswith(".py") and path.rpartition("/")[0] in folders
        if before != after and (path in files or is_data_beside):
            return path
        if PINS.fullmatch(path) and ("colab" not in path or variant == "colab"):
            needed = _closure(frozenset(imports | EVERYWHERE | {variant}))
            pins = _pins(before) ^ _pins(after)
            if found := needed & {line.partition("==")[0] for line in pins}:
                return min(found)
    return ""


def _pins(text: str) -> set[str]:
    lines = re.sub(r"#.*|\[.*?\]", "", text).lower().replace("_", "-").split("\n")
    return {line.strip() for line in lines if line.strip()}


@functools.cache
def _uses(day: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the files of common/ that a day can load, and the packages it imports."""
    root, files, imports = day.parent, set(), set()
    sources = _code(notebook_path(day).read_text(encoding="utf-8"))
    sources = [re.sub(r"^(\s*)[%!].*", r"\1pass", one, flags=re.M) for one in sources]
    sources += [file.read_text(encoding="utf-8") for file in day.rglob("*.py")]
    sources.append("import common.notebook")  # the bootstrap cell
    waiting = [("", one) for one in sources]
    while waiting:
        modules, packages = _imports(*waiting.pop(), root)
        imports |= packages
        for module in modules:
            file = module_file(module, root)
            if file not in files and file.is_file():
                files.add(file)
                waiting.append((module, file.read_text(encoding="utf-8")))
    names = (file.relative_to(root).as_posix() for file in files)
    return frozenset(names), frozenset(imports)


@functools.cache
def _imports(module: str, source: str, root: Path) -> tuple[set[str], set[str]]:
    """Return the modules of common/ and the packages that code imports or names.

    A program that is started as `python -m common.sentiment.api` is named in a string.
    """
    named = set(re.findall(r"\bcommon(?:\.\w+)+", source))
    if module.startswith("common.results"):  # which lists modules without using them
        named = set()
    packages = set(re.findall(r"^\s*(?:import|from) (\w+)", source, flags=re.M))
    try:
        return named | imported_modules(ast.parse(source), module, root), packages
    except SyntaxError:  # a cell of another language
        return named, packages


@functools.cache
def _closure(imports: frozenset[str]) -> set[str]:
    """Return the distributions that imports need, and those that these need."""
    by_import = _distributions()
    waiting = [one for name in imports for one in by_import.get(name, [name])]
    known: set[str] = set()
    while waiting:
        name = re.sub(r"[_.]", "-", waiting.pop()).lower()
        if name not in known:
            known.add(name)
            try:
                needed = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            waiting += [
                re.match(r"[\w.-]+", one)[0] for one in needed if "extra ==" not in one
            ]
    return known


_distributions = functools.cache(importlib.metadata.packages_distributions)


INPUTS = re.compile(rf"(day\d\d_|common/|{PINS.pattern}$)(?!.*\.(png|pyc)$)")


def last_day(root: Path) -> tuple[list[Change], int, str]:
    """Return what changed in the last day of commits, the turn, and both in words."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        how = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
        return subprocess.run(command, **how).stdout

    history = [line.split() for line in git("log", "--format=%H %ct").splitlines()]
    if not history:
        return [], 0, "No git history: nothing is known to have changed."
    (head, date), (oldest, _) = history[0], history[-1]
    older = (commit for commit, when in history if int(when) <= int(date) - 24 * 3600)
    base = next(older, oldest)
    paths = git("diff", "--name-only", "-z", base).split("\0")
    paths += git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    changes = [
        Change(path, git("show", f"{base}:{path}"), _text(root / path))
        for path in paths
        if INPUTS.match(path)
    ]
    words = f"{len(changes)} inputs changed from {base[:7]} to {head[:7]}."
    return changes, len(history), words


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def chosen(variant: str, root: Path = ROOT) -> tuple[dict[Path, str], str]:
    """Return the days of a variant with the reasons, and a sentence on what changed."""
    course = load_course(root)
    days = [course.folder(day) for day in course.landed()]
    if not os.environ.get("COURSE_CHOICE"):
        return dict.fromkeys(days, "every day"), "No choice was asked for."
    changes, turn, words = last_day(root)
    return choose(days, course.families, changes, turn, variant), words


def main(argv: list[str], root: Path = ROOT) -> int:
    """Print the notebooks of a variant, and on standard error why each is chosen."""
    console.write_anything()
    variant = " ".join(argv)
    if variant not in VARIANTS:
        print(f"Say one of: {', '.join(VARIANTS)}.", file=sys.stderr)
        return 2
    why, words = chosen(variant, root)
    print(f"{variant}: {len(why)} days. {words}", file=sys.stderr)
    for day, reason in why.items():
        print(f"  {day.name}: {reason}", file=sys.stderr)
    print(*(notebook_path(day).relative_to(root).as_posix() for day in why))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
