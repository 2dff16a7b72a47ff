"""Every exercise's blank waits, every known mistake is named, every solution passes."""

import decimal
import fractions
import json
import linecache
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from common import ROOT, exercises
from common.exercises import Exercise, Progress, Wrong, judge

DAYS = sorted(path.parent.name for path in ROOT.glob("day*/exercises.py"))
ALL = [
    pytest.param(day, exercise, id=f"{day}-{exercise.id}")
    for day in DAYS
    for exercise in exercises.load(day).EXERCISES
]


def answer_from(day, exercise, code):
    """Run code after the day's SETUP; return what the notebook hands to check.

    As in a notebook, Python can find the source of the functions that it defines.
    """
    namespace = {}
    exec(getattr(exercises.load(day), "SETUP", ""), namespace)
    name = f"<cell {len(linecache.cache)}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    exec(compile(code, name, "exec"), namespace)
    return eval(exercise.answer or exercise.name, namespace)


@pytest.mark.parametrize(("day", "exercise"), ALL)
def test_blank_waits(day, exercise):
    blank = answer_from(day, exercise, f"{exercise.name} = ...")
    assert judge(exercise, blank).status == "blank"


@pytest.mark.parametrize(("day", "exercise"), ALL)
def test_solution_passes(day, exercise):
    verdict = judge(exercise, answer_from(day, exercise, exercise.solution))
    assert verdict.status == "passed", verdict.message


@pytest.mark.parametrize(("day", "exercise"), ALL)
def test_whatever_is_right_passes(day, exercise):
    """What the day lists as right, and the solution in every dress that it can have."""
    for code in exercise.right:
        verdict = judge(exercise, answer_from(day, exercise, code))
        assert verdict.status == "passed", (code, verdict.message)
    if exercise.answer is not None:
        return  # it holds more than the learner's answer
    answer = answer_from(day, exercise, exercise.solution)
    for form in dresses(answer):
        verdict = judge(exercise, form)
        assert verdict.status == "passed", (form, verdict.message)


def dresses(answer):
    """Yield a right answer as other people would write it down."""
    if isinstance(answer, str):
        yield from (f"({answer})", f"{answer})", f"{answer}.", f" {answer.upper()} ")
        yield from ([answer], (answer,), np.array(answer))
    elif isinstance(answer, bool):
        yield np.bool_(answer)
    elif isinstance(answer, (int, float, np.number)):
        number = float(answer)
        yield from (number, str(number), np.float32(number), f"{number:.3g}")
        yield from (f"{number:.6g}".replace(".", ","), float(f"{number:.3g}"))
        yield from (np.array(number), np.array([[number]]), [number], (number,))
    elif isinstance(answer, dict):
        letters = {f" {key.lower()}" if len(key) == 1 else key for key in answer}
        for form in ("{}", " {}", '"{}"', "({})"):
            values = [form.format(value.upper()) for value in answer.values()]
            yield dict(zip(answer, values, strict=True))
        yield dict(
            zip(sorted(letters), [answer[k] for k in sorted(answer)], strict=True)
        )
    elif isinstance(answer, (set, tuple, list)) and not any(map(callable, answer)):
        yield from (list(answer), tuple(answer), np.array(list(answer)))
    elif isinstance(answer, (tuple, list)):
        yield from (list(answer), tuple(answer))
    elif callable(answer) and not isinstance(answer, type):  # a class stays itself
        for change in (as_lists, as_float32, with_an_axis):
            yield redressed(answer, change)


def redressed(function, change):
    """Return a function whose results are changed, a pair's parts one by one."""

    def other(*args, **kwargs):
        got = function(*args, **kwargs)
        return tuple(map(change, got)) if isinstance(got, tuple) else change(got)

    return other


def as_lists(got):
    return got.tolist() if isinstance(got, (np.ndarray, np.number)) else got


def as_float32(got):
    floats = isinstance(got, (np.ndarray, np.number)) and got.dtype.kind == "f"
    return got.astype("float32") if floats else got


def with_an_axis(got):
    """Keep the dimension of a sum; what has two or more axes of its own stays."""
    summed = isinstance(got, np.ndarray) and got.ndim == 1
    return got[None] if summed else got


@pytest.mark.parametrize(("day", "exercise"), ALL)
def test_known_mistakes_fail_with_their_own_reason(day, exercise):
    assert len(exercise.wrong) >= 2
    messages = []
    for mistake in exercise.wrong:
        verdict = judge(exercise, answer_from(day, exercise, mistake.code))
        assert verdict.status == "wrong", mistake.code
        assert mistake.reason in verdict.message, (mistake.code, verdict.message)
        messages.append(verdict.message)
    assert len(set(messages)) >= 2, "all mistakes get the same message"


@pytest.mark.parametrize(("day", "exercise"), ALL)
def test_hints_lead_towards_the_answer(day, exercise):
    assert len(exercise.hints) >= 1
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert exercise.title and exercise.id.startswith(f"{int(day[3:5])}.")


def test_ids_are_unique():
    for day in DAYS:
        ids = [exercise.id for exercise in exercises.load(day).EXERCISES]
        assert len(set(ids)) == len(ids), day


# --- The machinery ---------------------------------------------------------------


BLANK = ...


def make(check):
    return Exercise("0.1", "t", "a", check, ("h1", "h2"), "a = 1", ())


def expects_one(answer):
    exercises.expect_number(answer, 1.0, {2.0: "That is twice as much."})


def test_judge_tells_blank_wrong_and_passed_apart():
    exercise = make(expects_one)
    assert judge(exercise, ...).status == "blank"
    assert judge(exercise, (1, ...)).status == "blank"
    assert judge(exercise, {"a": [...]}).status == "blank"
    assert judge(exercise, {...}).status == "blank"
    assert judge(exercise, np.array([1.0])).status == "passed"
    assert judge(exercise, 1.0).status == "passed"
    assert "twice" in judge(exercise, 2.0).message
    assert judge(exercise, 3.0).status == "wrong"


def test_a_function_that_returns_or_uses_the_blank_is_blank():
    exercise = make(lambda function: expects_one(function(2)))
    assert judge(exercise, lambda x: ...).status == "blank"
    assert judge(exercise, lambda x: (x, ...)).status == "blank"
    assert judge(exercise, lambda x: x + ...).status == "blank"
    assert judge(exercise, lambda x: np.exp(...)).status == "blank"
    assert judge(exercise, lambda x: {"a": x + BLANK}).status == "blank"
    unknown = {}
    exec("def function(x):\n    return x * ...", unknown)
    assert judge(exercise, unknown["function"]).status == "blank"


def test_an_ellipsis_in_code_that_was_filled_in_is_not_a_blank():
    exercise = make(lambda function: function(np.ones((2, 3, 4))))
    for slip in (
        lambda p: p[..., 0, ...],
        lambda p: p.reshape(..., 4),
        lambda p: np.sum(p[:, :, :, ..., :], axis=0),
    ):
        verdict = judge(exercise, slip)
        assert "stopped with" in verdict.message
    unknown = {}
    exec("def function(p):\n    return p[..., 0, ...]", unknown)
    assert "IndexError" in judge(exercise, unknown["function"]).message
    half = {}
    code = "def function(p):\n    q = ...\n    return p[..., 0] + q"
    linecache.cache["<half>"] = (len(code), None, code.splitlines(True), "<half>")
    exec(compile(code, "<half>", "exec"), half)
    assert judge(exercise, half["function"]).status == "blank"


def test_an_error_of_the_learner_is_told_not_raised():
    verdict = judge(make(lambda function: function(1)), lambda x: x / 0)
    assert verdict.status == "wrong"
    assert "ZeroDivisionError" in verdict.message


def test_expect_close_explains_shape_nan_and_known_mistakes():
    def message(got, known=()):
        with pytest.raises(Wrong) as wrong:
            exercises.expect_close(got, np.ones((2, 3)), "the gradient", known)
        return str(wrong.value)

    exercises.expect_close(np.ones((2, 3)), np.ones((2, 3)), "the gradient")
    assert "shape (3, 2)" in message(np.ones((3, 2)))
    assert "transposed" in message(np.ones((3, 2)), [(np.ones((3, 2)), "transposed")])
    assert "nan or inf" in message(np.full((2, 3), np.nan))
    assert "return statement" in message(None)
    assert "array of numbers" in message("text")
    assert "at (1, 2) is 5" in message([[1, 1, 1], [1, 1, 5]])


def test_expect_close_takes_any_float_type_and_a_kept_axis():
    want = np.linspace(0, 1, 5)
    for got in (
        want.astype("float16"),
        want[None],
        want[:, None],
        list(want),
        tuple(map(str, want)),
    ):
        exercises.expect_close(got, want, "the mean")
    exercises.expect_close(np.array([[7.0]]), 7, "the sum")
    for got in (want[:4], want[None, :4], want.reshape(5, 1) @ want.reshape(1, 5)):
        with pytest.raises(Wrong, match="it should be"):
            exercises.expect_close(got, want, "the mean")
    with pytest.raises(Wrong, match="has shape"):
        exercises.expect_close(np.ones((3, 1)), np.ones((1, 3)), "a transposed row")


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (7, 7.0),
        ("7", 7.0),
        (" 7.50 ", 7.5),
        ("7,5", 7.5),
        ("1,048,576", 1048576.0),
        ("1_000", 1000.0),
        ("96 %", 0.96),
        ("−2", -2.0),
        ("75×", 75.0),
        (np.float16(0.5), 0.5),
        ([[3]], 3.0),
        ({3}, 3.0),
        (fractions.Fraction(1, 4), 0.25),
        (decimal.Decimal("0.1"), 0.1),
    ],
)
def test_a_number_is_read_in_any_dress(answer, number):
    assert exercises.number(answer) == number


@pytest.mark.parametrize("answer", ["many", "", [1, 2], None, True, {}, 1j, object()])
def test_what_is_no_number_is_refused(answer):
    with pytest.raises(Wrong, match="A number is asked for"):
        exercises.number(answer)
    with pytest.raises(Wrong, match=r"^A degree is a whole number\.$"):
        exercises.whole_number(answer, "A degree")


def test_a_number_is_right_when_it_is_rounded_right():
    def verdict(given, **more):
        try:
            exercises.expect_number(given, 75.2097, {75.71: "cancels", 60: "x"}, **more)
        except Wrong as wrong:
            return str(wrong)

    assert [verdict(one) for one in (75, 75.2, 75.21, 75.2097, "75")] == [None] * 5
    assert verdict(75.7) == "cancels" and verdict(76) == "cancels"
    for given in (74, 75.3, 75.4, 80, 0, -75, float("nan"), float("inf")):
        assert verdict(given) == "The number is not right."
    assert verdict(80, digits=1) is None
    assert verdict(75, digits=3) == "The number is not right."


@pytest.mark.parametrize("answer", ["b", "B", "(b)", "b)", "b.", " 'b' ", ["b"], {"b"}])
def test_a_letter_is_read_in_any_dress(answer):
    check = exercises.choice("b", "yes", {"a": "no", "learning_rate": "no"})
    assert check(answer) == "yes"
    with pytest.raises(Wrong, match=r"^no$"):
        check("Learning-rate")
    with pytest.raises(Wrong, match="Answer with one of"):
        check("bb")


def test_start_prints_and_remembers(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    day = DAYS[0]
    first = exercises.load(day).EXERCISES[0]
    check, hint, solution = exercises.start(day)
    progress = json.loads((tmp_path / "progress" / f"{day}.json").read_text())
    assert progress["opened"] and progress["passed"] == {}

    check(first.id, ...)
    assert "not attempted yet" in capsys.readouterr().out
    for number in range(1, len(first.hints) + 2):
        hint(first.id)
        shown = min(number, len(first.hints))
        assert capsys.readouterr().out.startswith(f"Hint {shown} of ")
    solution(first.id)
    assert first.solution.strip() in capsys.readouterr().out
    check(first.id, answer_from(day, first, first.solution))
    assert "passed" in capsys.readouterr().out
    progress = json.loads((tmp_path / "progress" / f"{day}.json").read_text())
    assert list(progress["passed"]) == [first.id]

    check("9.99", 1)
    assert "There is no exercise '9.99'" in capsys.readouterr().out


def test_an_unknown_day_is_one_sentence():
    with pytest.raises(FileNotFoundError, match="There is no day99_x/exercises"):
        exercises.start("day99_x")


def test_a_damaged_progress_file_is_set_aside(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    progress = Progress("day01_mnist")
    progress.path.parent.mkdir(parents=True)
    for round_, text in enumerate(["{", '{"opened": null, "passed": 3}'], start=1):
        progress.path.write_text(text)
        progress.note_passed("1.1")
        assert "kept as" in capsys.readouterr().out
        kept = progress.path.with_suffix(f".broken-{round_}.json")
        assert kept.read_text() == text
        assert list(progress.read()["passed"]) == ["1.1"]


def test_a_disk_that_refuses_costs_a_sentence(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    (tmp_path / "progress").write_text("a file where the folder should be")
    Progress("day01_mnist").note_passed("1.1")
    assert "could not be saved" in capsys.readouterr().out
    assert (tmp_path / "progress").read_text().startswith("a file")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on Windows")
def test_progress_survives_a_kill_in_the_middle_of_a_write(tmp_path):
    """A process writes as fast as it can and is killed, again and again."""
    writer = textwrap.dedent("""
        import itertools
        from common.exercises import Progress
        progress = Progress("day01_mnist")
        progress.note_passed("first")
        print("ready", flush=True)
        for i in itertools.count():
            state = progress.read()
            assert "first" in state["passed"]
            progress._write({"opened": "x" * 100_000, "passed": state["passed"]})
    """)
    env = os.environ | {"COURSE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    file = tmp_path / "progress" / "day01_mnist.json"
    for delay in (0.0, 0.003, 0.011, 0.02):
        process = subprocess.Popen(
            [sys.executable, "-c", writer], env=env, stdout=subprocess.PIPE
        )
        assert process.stdout.readline().strip() == b"ready"
        time.sleep(delay)
        process.kill()
        process.wait()
        assert "first" in json.loads(file.read_text())["passed"]
        assert not list(file.parent.glob("*.broken*"))
