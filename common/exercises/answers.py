"""What checkers are made of: they read an answer in any dress, and compare it.

A right answer is right as a list, a tuple or an array, as a number of another type,
as text, rounded where the digits settle the question, or with a kept dimension.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from common.exercises.judge import Wrong, refuse_blank


def word(answer: Any) -> str:
    """Return a letter or a name in one form: "(B)", "b)" and ["b."] are "b".

    Case, quotation marks, brackets and full stops around it do not count, and a
    hyphen, an underscore or more spaces inside count as one space.
    """
    if isinstance(answer, (list, tuple, set, frozenset)) and len(answer) == 1:
        (answer,) = answer
    if isinstance(answer, np.ndarray) and answer.size == 1:
        answer = answer.item()
    return " ".join(re.findall(r"[^\W_]+", str(answer).lower()))


def number(answer: Any) -> float:
    """Return the number that a learner means: 8, "8", "1,048,576", "96 %", [8.0].

    Raises:
        Wrong: it is none, or more than one.
    """
    value = answer
    if isinstance(value, (set, frozenset)) and len(value) == 1:
        (value,) = value
    try:
        value = _as_array(value).item()
        if isinstance(value, bytes):
            value = value.decode()
        if isinstance(value, str):
            value = _number_in(value)
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise Wrong(f"A number is asked for, not {type(answer).__name__}.") from None


def _number_in(text: str) -> float:
    """Read a number as people write it; a ValueError if there is none."""
    text = text.strip().replace("_", "").replace("−", "-")
    share = text.endswith("%")
    text = text.rstrip("% ").replace("×", "")
    if re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    return float(text.replace(",", ".")) / (100 if share else 1)


def whole_number(answer: Any, what: str = "The answer") -> int:
    """Return a whole number: 8, 8.0, "8", np.int64(8).

    Raises:
        Wrong: it is no number, or not a whole one.
    """
    try:
        value = number(answer)
    except Wrong:
        raise Wrong(f"{what} is a whole number.") from None
    if not value.is_integer():  # nan and inf are none either
        raise Wrong(f"{what} is a whole number.")
    return int(value)


def choice(
    right: str, praise: str, wrong: Mapping[str, str]
) -> Callable[[Any], str | None]:
    """Return a checker for a multiple-choice question.

    Args:
        right: the letter, or the name, of the right answer.
        praise: why it is right.
        wrong: for every other letter, why it is not.
    """
    reasons = {word(letter): reason for letter, reason in wrong.items()}

    def checker(answer: Any) -> str:
        given = word(answer)
        if given == word(right):
            return praise
        if given in reasons:
            raise Wrong(reasons[given])
        letters = ", ".join(repr(known) for known in sorted([right, *wrong]))
        raise Wrong(f"Answer with one of {letters}.")

    return checker


def expect_number(
    answer: Any,
    expected: float,
    known: Mapping[float, str] | None = None,
    *,
    rtol: float = 1e-3,
    digits: int = 2,
    otherwise: str = "The number is not right.",
) -> None:
    """Raise `Wrong` unless a number is close to the expected one, or is it, rounded.

    Args:
        answer: what the learner gave, see `number`.
        expected: the right value.
        known: wrong values a known mistake leads to, with its reason.
        rtol: relative tolerance (absolute around zero).
        digits: how many significant digits settle the question: 75, 75.2 and 75.21
            are all right for 75.2097 with two. What lies within `rtol` of a known
            mistake is never taken for a rounded right answer.
        otherwise: the reason given for any other number.
    """
    given = number(answer)
    reasons: dict[float, str | None] = {expected: None, **(known or {})}

    def distance(value: float) -> float:
        return abs(given - value)

    def near(value: float) -> bool:
        return math.isclose(given, value, rel_tol=rtol, abs_tol=rtol * 1e-3)

    candidates = sorted(filter(near, reasons), key=distance)
    candidates += [value for value in reasons if rounded(given, value, digits)]
    reason = reasons[candidates[0]] if candidates else otherwise
    if reason is not None:
        raise Wrong(reason)


def rounded(given: float, exact: float, digits: int) -> bool:
    """Tell whether a number is another one, rounded to `digits` or more digits."""
    if not (math.isfinite(given) and math.isfinite(exact)) or exact == 0:
        return False
    first = math.floor(math.log10(abs(exact)))
    for kept in range(digits, 16):
        unit = 10.0 ** (first - kept + 1)
        whole = math.isclose(given / unit, round(given / unit), abs_tol=1e-6)
        if whole and abs(given - exact) <= unit / 2 * (1 + 1e-9):
            return True
    return False


def expect_causes(
    answer: Any,
    causes: Mapping[str, str],
    reasons: Mapping[str, str],
    what: str = "causes",
) -> None:
    """Judge a diagnosis: which letter has which cause.

    Args:
        answer: the learner's dictionary; case, spaces and hyphens do not count.
        causes: the right one for each letter.
        reasons: what to look at where a letter is wrong, told in this order, one
            at a time.
        what: how the notebook calls them, "causes" or "faults".

    Raises:
        Wrong: not a dictionary with these letters, a cause that is none of them, or
            a letter with the wrong one.
    """
    given = (
        {word(letter): cause for letter, cause in answer.items()}
        if isinstance(answer, Mapping)
        else {}
    )
    if set(given) != set(map(word, causes)):
        keys = ", ".join(f'"{letter}"' for letter in causes)
        raise Wrong(f"Answer with a dictionary that has the keys {keys}.")
    for cause in given.values():
        if word(cause) not in map(word, causes.values()):
            known = ", ".join(f'"{one}"' for one in sorted(causes.values()))
            raise Wrong(f"{str(cause)!r} is not one of the {what}: {known}.")
    for letter, reason in reasons.items():
        if word(given[word(letter)]) != word(causes[letter]):
            raise Wrong(f"Look at {letter} again. {reason}")


def expect_parts(got: Any, count: int, message: str) -> tuple[Any, ...]:
    """Return what a function returned as so many parts: a tuple, a list, an array.

    Raises:
        Wrong: with the message, where it is anything else.
    """
    refuse_blank(got)
    listed = isinstance(got, (tuple, list)) or getattr(got, "ndim", 0) > 0
    if not listed or len(got) != count:
        raise Wrong(message)
    return tuple(got)


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
        got: what the learner's code returned: anything that makes an array. A float
            type with fewer digits is compared to its own precision, and an axis of
            length 1 that was kept is no mistake.
        want: the expected array.
        what: names the quantity in the message, for example "the gradient of b".
        known: arrays that a known mistake leads to, each with its reason. They are
            tried before the shape, so that a wrong shape can be explained too.
        rtol: relative tolerance of `numpy.allclose`.
        atol: absolute tolerance of `numpy.allclose`.
    """
    refuse_blank(got)
    if got is None:
        raise Wrong(f"Nothing was returned for {what}: is there a return statement?")
    try:
        got = _as_array(got)
        if got.dtype.kind == "f":
            rtol = max(rtol, 4 * float(np.finfo(got.dtype).eps))
            atol = max(atol, float(np.finfo(got.dtype).eps))
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
    if got.ndim != want.ndim and np.squeeze(got).shape == np.squeeze(want).shape:
        got = got.reshape(want.shape)
        if same(want):
            return
    if got.shape != want.shape:
        raise Wrong(f"{what} has shape {got.shape}; it should be {want.shape}.")
    if not np.isfinite(got).all():
        raise Wrong(f"{what} holds nan or inf.")
    worst = np.unravel_index(np.argmax(np.abs(got - want)), want.shape)
    where = f" at {tuple(int(i) for i in worst)}" if worst else ""
    raise Wrong(f"{what}{where} is {got[worst]:.6g}; it should be {want[worst]:.6g}.")


def _as_array(value: Any) -> np.ndarray:
    """Return anything as an array; a PyTorch tensor leaves its graph first."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)
