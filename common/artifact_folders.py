"""Folders of files that are kept whole: written, exchanged, found, brought back.

What comes out is what went in, byte for byte, whoever reads or writes at the same
time and wherever a program is killed. Which of several folders is the best to take is
not decided here, but in `common.artifacts`.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

STAND_IN = "-stand-in"
"""How the name of a folder ends that was made from stand-in data."""

_CARD = "made.json"
_PART, _ASIDE = ".part-", ".aside-"  # being written; moved out of the way
_OLD = 24 * 3600  # seconds after which nobody is still writing a leftover folder


class ArtifactError(RuntimeError):
    """An artifact cannot be saved or is not there; one sentence says why."""


@dataclass(frozen=True)
class Kept:
    """A whole folder, and what its card says of it."""

    folder: Path
    budget: str
    stand_in: bool
    date: str
    day: str | None


# ------------------------------------------------------------------------- reading


def found(place: Path, budgets: Iterable[str]) -> list[Kept]:
    """Every whole artifact in `place`."""
    there: list[Kept] = []
    for _ in range(50):
        _bring_back(place)
        there = _seen(place, budgets) or there
        if _at_rest(place) or (there and not any(_hidden(place, _ASIDE))):
            break
        time.sleep(0.02)  # one is perhaps being exchanged at this moment
    return there


def _seen(place: Path, budgets: Iterable[str]) -> list[Kept]:
    """What one look at `place` finds: nothing between the renames of an exchange."""
    found = []
    for stand_in in (False, True):
        for budget in budgets:
            folder = place / _slot(budget, stand_in)
            card = _read_card(folder)
            if card is not None:
                found.append(Kept(folder, budget, stand_in, *card))
    return found


def _at_rest(place: Path) -> bool:
    """Whether nothing was renamed in `place` for a while, or it does not exist."""
    try:
        return time.time() - place.stat().st_mtime > 0.2
    except OSError:
        return True


def _slot(budget: str, stand_in: bool) -> str:
    return budget + STAND_IN if stand_in else budget


def _read_card(folder: Path) -> tuple[str, str | None] | None:
    """The date and the day on a folder's card, or None if it has no readable one."""
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        made, day = date.fromisoformat(card["date"]).isoformat(), card.get("day")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return made, day if isinstance(day, str) else None


def _bring_back(place: Path) -> None:
    """Undo an exchange that was cut off: put back what it had moved aside."""
    for aside in _hidden(place, _ASIDE):
        slot = aside.name.removeprefix(_ASIDE).rpartition(".")[0]
        if not (place / slot).exists():
            with contextlib.suppress(OSError):  # somebody else was faster
                aside.rename(place / slot)


def _hidden(place: Path, *prefixes: str) -> list[Path]:
    """The folders in `place` that are being written or were moved aside."""
    try:
        return sorted(one for one in place.iterdir() if one.name.startswith(prefixes))
    except OSError:
        return []


# ------------------------------------------------------------------------- writing


class NotWritable(Exception):
    """The place for artifacts cannot be written; says why in a few words."""


@contextlib.contextmanager
def _place_matters() -> Iterator[None]:
    """What the operating system refuses in here is the place's fault."""
    try:
        yield
    except OSError as error:
        raise NotWritable(error.strerror or type(error).__name__) from None


def put(
    place: Path,
    name: str,
    write: Callable[[Path], Any],
    stand_in: bool | None,
    budget: str,
) -> Path:
    """Have a folder written beside its place, then let it take that place.

    Args:
        stand_in: None if `write` tells, by returning True.
    """
    with _place_matters():
        place.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place)
        part = Path(tempfile.mkdtemp(prefix=_PART, dir=place))
    try:
        said = write(part)
        if stand_in is None:
            stand_in = said is True
        if (part / _CARD).exists():
            raise ArtifactError(f"{name} has a file {_CARD}, a name that is taken.")
        if not any(part.iterdir()):
            raise ArtifactError(f"{name} was not saved: no file was written for it.")
        with _place_matters():
            part.chmod(0o755)  # mkdtemp's is for its owner only; a server reads it
            _write_card(part, name, stand_in, budget)
            return _exchange(part, place / _slot(budget, stand_in))
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_card(folder: Path, name: str, stand_in: bool, budget: str) -> None:
    runtime, keras = (sys.modules.get(one) for one in ("common.runtime", "keras"))
    running = getattr(runtime, "current_day", None) or ""
    numbered = re.match(r"day(\d+)_", running)
    versions = {"python": platform.python_version()}
    if keras is not None:
        versions["keras"] = keras.__version__
    card = {
        "name": name,
        "budget": budget,
        "stand_in": stand_in,
        "date": datetime.now(UTC).date().isoformat(),
        "day": f"Day {int(numbered[1])}" if numbered else running or None,
        "versions": versions,
    }
    text = json.dumps(card, indent=2) + "\n"
    (folder / _CARD).write_text(text, encoding="utf-8")


def _exchange(part: Path, target: Path) -> Path:
    """Rename `part` to `target`; a folder that has this name is moved aside first.

    No system renames a folder over a full one. If the program ends between the two
    renames, `_bring_back` undoes the first.
    """
    moved: list[Path] = []
    own = part.name.removeprefix(_PART)
    for attempt in range(100):
        try:
            part.rename(target)
            break
        except OSError as error:
            problem = error
        aside = target.with_name(f"{_ASIDE}{target.name}.{own}{attempt}")
        try:
            target.rename(aside)
            moved.append(aside)
            os.utime(aside)  # its age counts from now
        except FileNotFoundError:
            time.sleep(0.01)  # somebody else is exchanging it at this moment
    else:
        raise problem
    for aside in moved:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _clear_leftovers(place: Path) -> None:
    """Remove what programs that were killed long ago have left behind."""
    _bring_back(place)
    for path in _hidden(place, _PART, _ASIDE):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                shutil.rmtree(path, ignore_errors=True)
