"""Exercises that check themselves: check, hint, solution, and the learner's progress.

A notebook starts the day's exercises in its import cell and then calls three
functions:

    check, hint, solution = exercises.start("day01_mnist")

    answer = ...
    check("1.1", answer)      # not attempted yet / not yet, and why / passed
    hint("1.1")               # one hint more at each call
    solution("1.1")           # a solution that passes, to read or to paste

The day's own `exercises.py` holds a list `EXERCISES` of `Exercise`, and may hold a
string `SETUP`, the code that solutions and wrong answers take for granted (imports).
A checker returns a sentence of praise or nothing, and raises `Wrong` with the reason
of a mistake:

    def check_softmax(softmax_np):
        got = softmax_np(np.array([[0.0, 0.0]]))
        expect_close(got, [[0.5, 0.5]], "softmax of two equal logits",
                     known=[([[1.0, 1.0]], "You forgot to divide by the sum.")])

Recall questions are exercises too, with ids such as "2.r1".
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import os
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common import ROOT, course_home


class Wrong(Exception):
    """Raised by a checker; its text tells the learner what is wrong, and why."""


class _Blank(Exception):
    """The answer still holds a `...`."""


class WrongAnswer(NamedTuple):
    """A mistake that a checker must recognise; the course's tests prove it does."""

    code: str
    """Python source that defines the exercise's `name`, with the mistake in it."""
    reason: str
    """A part of the message that the learner must see."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a day.

    Attributes:
        id: for example "1.2", or "2.r1" for a recall question.
        title: what it asks, in a few words.
        name: the variable or function that the learner fills in.
        check: takes the answer; returns a sentence or None, raises `Wrong`.
        hints: from a nudge to almost the answer.
        solution: Python source that defines `name` and passes.
        wrong: mistakes that must be recognised.
        answer: the expression that the notebook hands to `check`, where it is
            more than `name`: for example "(adversary, reloaded)".
    """

    id: str
    title: str
    name: str
    check: Callable[[Any], str | None]
    hints: tuple[str, ...]
    solution: str
    wrong: tuple[WrongAnswer, ...]
    answer: str | None = None


class Verdict(NamedTuple):
    """What became of an answer: status is "passed", "wrong" or "blank"."""

    status: str
    message: str


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Check an answer without printing or remembering anything."""
    try:
        _refuse_blank(answer)
        if isinstance(answer, types.FunctionType):
            answer = _refusing_blank_results(answer)
        praise = exercise.check(answer)
    except _Blank:
        return Verdict("blank", "not attempted yet: replace the ... and run it again.")
    except Wrong as reason:
        return Verdict("wrong", f"not yet. {reason}")
    except Exception as error:  # whatever a learner's code raises is an answer too
        if "ellipsis" in str(error).lower():
            return judge(exercise, ...)
        return Verdict(
            "wrong", f"not yet. Your code stopped with {type(error).__name__}: {error}"
        )
    return Verdict("passed", f"passed. {praise or ''}".rstrip())


def load(day: str) -> types.ModuleType:
    """Load a day's `exercises.py` by its path.

    Raises:
        FileNotFoundError: there is no such day, or it has no exercises.
    """
    path = ROOT / day / "exercises.py"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {day}/exercises.py in the course.")
    spec = importlib.util.spec_from_file_location(f"{Path(day).name}_exercises", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(day: str) -> tuple[Callable[..., None], Callable, Callable]:
    """Load a day's exercises, note that it was opened, and return its three calls.

    Args:
        day: the day's folder, for example `"day01_mnist"`.

    Returns:
        `check(id, answer)`, `hint(id)` and `solution(id)`; each prints.

    Raises:
        FileNotFoundError: there is no such day, or it has no exercises.
    """
    by_id = {exercise.id: exercise for exercise in load(day).EXERCISES}
    hints_seen: dict[str, int] = {}
    progress = Progress(day)
    progress.note_opened()

    def known(exercise_id: str) -> bool:
        if exercise_id not in by_id:
            print(f"There is no exercise {exercise_id!r} here: {', '.join(by_id)}.")
        return exercise_id in by_id

    def check(exercise_id: str, answer: Any) -> None:
        if known(exercise_id):
            verdict = judge(by_id[exercise_id], answer)
            print(f"Exercise {exercise_id}: {verdict.message}")
            if verdict.status == "passed":
                progress.note_passed(exercise_id)

    def hint(exercise_id: str) -> None:
        if known(exercise_id):
            hints = by_id[exercise_id].hints
            number = min(hints_seen.get(exercise_id, 0), len(hints) - 1)
            hints_seen[exercise_id] = number + 1
            print(f"Hint {number + 1} of {len(hints)}: {hints[number]}")

    def solution(exercise_id: str) -> None:
        if known(exercise_id):
            print(by_id[exercise_id].solution.strip())

    return check, hint, solution


class Progress:
    """What a learner has done of one day, in a file of their own.

    One file a day, outside the repository, replaced in one step: a kill in the
    middle of a write leaves the old file whole, and two open notebooks do not
    meet. A disk that refuses costs a sentence, not the lesson.
    """

    def __init__(self, day: str):
        self.path = course_home() / "progress" / f"{Path(day).name}.json"

    def read(self) -> dict:
        """Return {"opened": iso date or None, "passed": {id: iso date}}.

        A file that cannot be understood is set aside, never overwritten.
        """
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {"opened": found["opened"], "passed": dict(found["passed"])}
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            print(f"Your progress in {self.path} cannot be read ({error.strerror}).")
        except (ValueError, KeyError, TypeError):
            self._set_aside()
        return {"opened": None, "passed": {}}

    def note_opened(self) -> None:
        """Remember the day on which the notebook was first opened."""
        state = self.read()
        if state["opened"] is None:
            self._write(state | {"opened": date.today().isoformat()})

    def note_passed(self, exercise_id: str) -> None:
        """Remember that an exercise was passed, and when first."""
        state = self.read()
        if exercise_id not in state["passed"]:
            state["passed"][exercise_id] = date.today().isoformat()
            self._write(state)

    def _set_aside(self) -> None:
        number = 1
        while (aside := self.path.with_suffix(f".broken-{number}.json")).exists():
            number += 1
        try:
            self.path.rename(aside)
        except OSError:
            return
        print(f"Your progress file was damaged; it is kept as {aside} and begun anew.")

    def _write(self, state: dict) -> None:
        temporary = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, delete=False
            ) as file:
                temporary = file.name
                json.dump(state, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            print(
                f"Your progress could not be saved in {self.path.parent} "
                f"({error.strerror}); free some space or set COURSE_HOME to a folder "
                "that you can write to."
            )
            if temporary is not None and os.path.exists(temporary):
                os.unlink(temporary)


# --- What checkers are made of ---------------------------------------------------


def choice(
    right: str, praise: str, wrong: Mapping[str, str]
) -> Callable[[Any], str | None]:
    """Return a checker for a multiple-choice question.

    Args:
        right: the letter of the right answer.
        praise: why it is right.
        wrong: for every other letter, why it is not.
    """

    def checker(answer: Any) -> str:
        letter = str(answer).strip().lower()
        if letter == right:
            return praise
        if letter in wrong:
            raise Wrong(wrong[letter])
        letters = ", ".join(repr(known) for known in sorted([right, *wrong]))
        raise Wrong(f"Answer with one of {letters}.")

    return checker


def expect_number(
    answer: Any,
    expected: float,
    known: Mapping[float, str] | None = None,
    *,
    rtol: float = 1e-3,
    otherwise: str = "The number is not right.",
) -> None:
    """Raise `Wrong` unless a number is close to the expected one.

    Args:
        answer: what the learner gave.
        expected: the right value.
        known: wrong values a known mistake leads to, with its reason.
        rtol: relative tolerance (absolute around zero).
        otherwise: the reason given for any other number.
    """
    try:
        number = float(np.asarray(answer).item())
    except (TypeError, ValueError):
        raise Wrong(f"A number is asked for, not {type(answer).__name__}.") from None
    near = functools.partial(math.isclose, number, rel_tol=rtol, abs_tol=rtol * 1e-3)
    if near(expected):
        return
    for value, reason in (known or {}).items():
        if near(value):
            raise Wrong(reason)
    raise Wrong(otherwise)


def expect_causes(
    answer: Any,
    causes: Mapping[str, str],
    reasons: Mapping[str, str],
    what: str = "causes",
) -> None:
    """Judge a diagnosis: which letter has which cause.

    Args:
        answer: the learner's dictionary; case and spaces do not count.
        causes: the right one for each letter.
        reasons: what to look at where a letter is wrong, told in this order, one
            at a time.
        what: how the notebook calls them, "causes" or "faults".

    Raises:
        Wrong: not a dictionary with these letters, a cause that is none of them, or
            a letter with the wrong one.
    """
    if not isinstance(answer, dict) or set(answer) != set(causes):
        keys = ", ".join(f'"{letter}"' for letter in causes)
        raise Wrong(f"Answer with a dictionary that has the keys {keys}.")
    given = {letter: " ".join(str(answer[letter]).lower().split()) for letter in answer}
    unknown = set(given.values()) - set(causes.values())
    if unknown:
        known = ", ".join(f'"{cause}"' for cause in sorted(causes.values()))
        raise Wrong(f"{sorted(unknown)[0]!r} is not one of the {what}: {known}.")
    for letter, reason in reasons.items():
        if given[letter] != causes[letter]:
            raise Wrong(f"Look at {letter} again. {reason}")


def expect_close(
    got: Any,
    want: Any,
    what: str,
    known: Sequence[tuple[Any, str]] = (),
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Raise `Wrong` unless an array has the expected shape and values.

    Args:
        got: what the learner's code returned.
        want: the expected array.
        what: names the quantity in the message, for example "the gradient of b".
        known: arrays that a known mistake leads to, each with its reason. They are
            tried first, so that a wrong shape can be explained too.
        rtol: relative tolerance of `numpy.allclose`.
        atol: absolute tolerance of `numpy.allclose`.
    """
    _refuse_blank(got)
    if got is None:
        raise Wrong(f"Nothing was returned for {what}: is there a return statement?")
    try:
        got = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"{what} should be an array of numbers.") from None
    want = np.asarray(want, dtype=float)

    def same(other: np.ndarray) -> bool:
        return got.shape == other.shape and np.allclose(got, other, rtol, atol)

    if same(want):
        return
    for mistake, reason in known:
        if same(np.asarray(mistake, dtype=float)):
            raise Wrong(reason)
    if got.shape != want.shape:
        raise Wrong(f"{what} has shape {got.shape}; it should be {want.shape}.")
    if not np.isfinite(got).all():
        raise Wrong(f"{what} holds nan or inf.")
    worst = np.unravel_index(np.argmax(np.abs(got - want)), want.shape)
    where = f" at {tuple(int(i) for i in worst)}" if worst else ""
    raise Wrong(f"{what}{where} is {got[worst]:.6g}; it should be {want[worst]:.6g}.")


def _refuse_blank(value: Any) -> None:
    if value is ...:
        raise _Blank
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            _refuse_blank(item)


def _refusing_blank_results(function: Callable) -> Callable:
    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        _refuse_blank(result)
        return result

    return guarded
