"""What an exercise is, and the verdict on an answer: blank, wrong or passed."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


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
        right: further answers, as source, that are as right as the solution.
    """

    id: str
    title: str
    name: str
    check: Callable[[Any], str | None]
    hints: tuple[str, ...]
    solution: str
    wrong: tuple[WrongAnswer, ...]
    answer: str | None = None
    right: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What became of an answer: status is "passed", "wrong" or "blank"."""

    status: str
    message: str


_NOT_ATTEMPTED = Verdict(
    "blank", "not attempted yet: replace the ... and run it again."
)


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Check an answer without printing or remembering anything."""
    try:
        refuse_blank(answer)
        praise = exercise.check(_guarded(answer))
    except _Blank:
        return _NOT_ATTEMPTED
    except Wrong as reason:
        return Verdict("wrong", f"not yet. {reason}")
    except Exception as error:  # whatever a learner's code raises is an answer too
        if _comes_from_a_blank(error, answer):
            return _NOT_ATTEMPTED
        return Verdict(
            "wrong", f"not yet. Your code stopped with {type(error).__name__}: {error}"
        )
    return Verdict("passed", f"passed. {praise or ''}".rstrip())


def refuse_blank(value: Any) -> None:
    """End a check with "not attempted yet" if a value is, or holds, a `...`."""
    if value is ...:
        raise _Blank
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            refuse_blank(item)


def _guarded(answer: Any) -> Any:
    """Return an answer whose functions refuse to return a blank."""
    if isinstance(answer, types.FunctionType):
        return _refusing_blank_results(answer)
    if type(answer) in (tuple, list):
        return type(answer)(map(_guarded, answer))
    return answer


def _refusing_blank_results(function: Callable) -> Callable:
    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        refuse_blank(result)
        return result

    return guarded


def _comes_from_a_blank(error: Exception, answer: Any) -> bool:
    """Tell whether code stopped because it computes with a blank.

    A `...` is Python too: `p[..., y, ...]` and `p.reshape(..., 2)` are slips of
    somebody who has filled in the blank, and their errors must be shown.
    """
    if "ellipsis" not in str(error).lower():
        return False
    sources = [tree for function in _functions(answer) if (tree := _source(function))]
    if not sources:
        return not isinstance(error, IndexError)
    blanks = [blank for tree in sources for blank in _ellipses(tree)]
    return any(blanks) or not blanks


def _functions(answer: Any) -> Iterator[types.FunctionType]:
    if isinstance(answer, types.FunctionType):
        yield answer
    elif isinstance(answer, (tuple, list)):
        for part in answer:
            yield from _functions(part)


def _source(function: types.FunctionType) -> ast.AST | None:
    """Return a function's syntax tree, None where its source is not at hand."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _ellipses(tree: ast.AST) -> Iterator[bool]:
    """Yield for each `...` whether it is a blank, and no index or one of arguments."""
    nodes = list(ast.walk(tree))
    used: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Subscript):
            used.update(map(id, ast.walk(node.slice)))
        elif isinstance(node, ast.Call) and len(node.args) > 1:
            used.update(map(id, node.args))
    for node in nodes:
        if isinstance(node, ast.Constant) and node.value is ...:
            yield id(node) not in used
