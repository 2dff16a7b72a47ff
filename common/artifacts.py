"""What one day leaves for another: a trained model, a vocabulary, a table.

    artifacts.save("sentiment_model", write)               # write(folder): its files
    folder = artifacts.require("sentiment_model", build)   # build(folder): a small one

They lie in the learner's course home, one folder for every budget: a quick model never
takes the place of a full one. No day has to follow another: where nothing was saved,
`require` calls the builder that it is handed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from common import course_home

BUDGETS = ("full", "quick", "smoke", "small")
"""From best to least; "small" is what `require` builds on the spot."""

_CARD = "made.json"
_STAND_IN = "-stand-in"
_PART, _ASIDE = ".part-", ".aside-"  # being written; moved out of the way
_NAME = re.compile(r"[a-z0-9_]+")
_OLD = 24 * 3600  # seconds after which nobody is still writing a leftover folder

# Built where the course home cannot be written; gone when Python ends.
_of_this_session: dict[str, Path] = {}


class ArtifactError(RuntimeError):
    """An artifact cannot be saved or is not there; one sentence says why."""


@dataclass(frozen=True)
class _Made:
    """A whole artifact, and what its card says of it."""

    folder: Path
    budget: str
    stand_in: bool
    date: str
    day: str | None

    @property
    def rank(self) -> tuple[bool, int]:
        """Less is better: real data before stand-ins, then the larger budget."""
        return self.stand_in, BUDGETS.index(self.budget)


def save(
    name: str,
    write: Callable[[Path], Any],
    *,
    stand_in: bool = False,
    budget: str | None = None,
) -> Path:
    """Keep an artifact for later days, in place of an older one of the same budget.

    Whoever looks meanwhile finds the older one or the new one, each whole, also when
    the program is killed half-way.

    Args:
        name: lower-case letters, digits and underscores: "sentiment_model".
        write: gets an empty folder and writes the files into it. The name made.json
            is taken: it says what was made, when and with which versions.
        stand_in: it was learned from stand-in data.
        budget: "full", "quick", "smoke" or "small"; by default the active one.

    Returns:
        The folder that holds the files.

    Raises:
        ArtifactError: the course home cannot be written, or `write` wrote nothing.
        ValueError: `name` or `budget` is not of that form.
    """
    _check_name(name)
    if budget is None:
        from common import runtime  # imports Keras, which a server may do without

        budget = runtime.active_budget()
    if budget not in BUDGETS:
        raise ValueError(
            f"the budget must be {', '.join(BUDGETS[:-1])} or {BUDGETS[-1]}, "
            f"not {budget!r}."
        )
    place = _place(name)
    try:
        return _put(place, name, write, stand_in, budget)
    except _NotWritable as problem:
        raise ArtifactError(
            f"{name} was not saved, the folder of your own files cannot be written "
            f"({problem}): set COURSE_HOME to a folder that can be, and start again."
        ) from None


def require(name: str, build: Callable[[Path], bool | None] | None = None) -> Path:
    """Return the best artifact of that name, and print which one it is.

    Real data comes before stand-ins, then full before quick, smoke and small. If
    there is none, `build` makes a small one, which is kept; where the course home
    cannot be written, for this session.

    Args:
        name: as for `save`.
        build: gets an empty folder and writes the files of a small one into it, in
            seconds; returns True if it had only stand-in data to learn from. None:
            the artifact has to be there.

    Returns:
        The folder that holds the files.

    Raises:
        ArtifactError: there is none, and `build` is None or wrote nothing.
        ValueError: `name` is not of that form.
    """
    _check_name(name)
    place = _place(name)
    found = _found(place)
    if not found and name in _of_this_session:
        found = _found(_of_this_session[name])
    if found:
        best = min(found, key=lambda made: made.rank)
        print(f"{name}: {_described(best)}.")
        return best.folder
    if build is None:
        raise ArtifactError(
            f"{name} is not there: run the notebook of the day that saves it first."
        )
    kept = ""
    try:
        folder = _put(place, name, build, None, "small")
    except _NotWritable as problem:
        place = Path(tempfile.mkdtemp(prefix="forty-days-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        folder = _put(place, name, build, None, "small")
        _of_this_session[name] = place
        kept = (
            "; the folder of your own files cannot be written "
            f"({problem}), so it lasts for this session only"
        )
    data = " from stand-in data" if folder.name.endswith(_STAND_IN) else ""
    print(
        f"{name}: none was saved before, so a small one was built on the spot{data}"
        f"{kept}."
    )
    return folder


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "an artifact's name has lower-case letters, digits and underscores only, "
            f"unlike {name!r}."
        )


def _place(name: str) -> Path:
    return course_home() / "artifacts" / name


def _described(made: _Made) -> str:
    """Say which one it is, without a path: notebooks keep what they print."""
    by = f"that {made.day} saved" if made.day else "that was saved"
    data = ", from stand-in data" if made.stand_in else ""
    if made.budget == "small":
        return f"the small one {by}{data} ({made.date})"
    return f"the one {by}{data} ({made.budget} budget, {made.date})"


# ------------------------------------------------------------------------- reading


def _found(place: Path) -> list[_Made]:
    """Every whole artifact in `place`."""
    found: list[_Made] = []
    for _ in range(50):
        _bring_back(place)
        found = _seen(place) or found
        if _at_rest(place) or (found and not any(_hidden(place, _ASIDE))):
            break
        time.sleep(0.02)  # one is perhaps being exchanged at this moment
    return found


def _seen(place: Path) -> list[_Made]:
    """What one look at `place` finds: nothing between the renames of an exchange."""
    found = []
    for stand_in in (False, True):
        for budget in BUDGETS:
            folder = place / _slot(budget, stand_in)
            card = _read_card(folder)
            if card is not None:
                found.append(_Made(folder, budget, stand_in, *card))
    return found


def _at_rest(place: Path) -> bool:
    """Whether nothing was renamed in `place` for a while, or it does not exist."""
    try:
        return time.time() - place.stat().st_mtime > 0.2
    except OSError:
        return True


def _slot(budget: str, stand_in: bool) -> str:
    return budget + _STAND_IN if stand_in else budget


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


class _NotWritable(Exception):
    """The place for artifacts cannot be written; says why in a few words."""


@contextlib.contextmanager
def _place_matters() -> Iterator[None]:
    """What the operating system refuses in here is the place's fault."""
    try:
        yield
    except OSError as error:
        raise _NotWritable(error.strerror or type(error).__name__) from None


def _put(
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
