"""What one day leaves for another: a trained model, a vocabulary, a table.

    artifacts.save("sentiment_model", write)               # write(folder): its files
    folder = artifacts.require("sentiment_model", build)   # build(folder): a small one

They lie in the learner's course home, one folder for every budget: a quick model never
takes the place of a full one. No day has to follow another: where nothing was saved,
`require` calls the builder that it is handed.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import artifact_folders as folders
from common import course_home

BUDGETS = ("full", "quick", "smoke", "small")
"""From best to least; "small" is what `require` builds on the spot."""

_NAME = re.compile(r"[a-z0-9_]+")

# Built where the course home cannot be written; gone when Python ends.
_of_this_session: dict[str, Path] = {}


ArtifactError = folders.ArtifactError


def _rank(one: folders.Kept) -> tuple[bool, int]:
    """Less is better: real data before stand-ins, then the larger budget."""
    return one.stand_in, BUDGETS.index(one.budget)


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
        return folders.put(place, name, write, stand_in, budget)
    except folders.NotWritable as problem:
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
    found = folders.found(place, BUDGETS)
    if not found and name in _of_this_session:
        found = folders.found(_of_this_session[name], BUDGETS)
    if found:
        best = min(found, key=_rank)
        print(f"{name}: {_described(best)}.")
        return best.folder
    if build is None:
        raise ArtifactError(
            f"{name} is not there: run the notebook of the day that saves it first."
        )
    kept = ""
    try:
        folder = folders.put(place, name, build, None, "small")
    except folders.NotWritable as problem:
        place = Path(tempfile.mkdtemp(prefix="forty-days-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        folder = folders.put(place, name, build, None, "small")
        _of_this_session[name] = place
        kept = (
            "; the folder of your own files cannot be written "
            f"({problem}), so it lasts for this session only"
        )
    data = " from stand-in data" if folder.name.endswith(folders.STAND_IN) else ""
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


def _described(made: folders.Kept) -> str:
    """Say which one it is, without a path: notebooks keep what they print."""
    by = f"that {made.day} saved" if made.day else "that was saved"
    data = ", from stand-in data" if made.stand_in else ""
    if made.budget == "small":
        return f"the small one {by}{data} ({made.date})"
    return f"the one {by}{data} ({made.budget} budget, {made.date})"
