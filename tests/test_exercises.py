"""Every exercise's blank waits, every known mistake is named, every solution passes."""

import json
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
    """Run code after the day's SETUP; return what the notebook hands to check."""
    namespace = {}
    exec(getattr(exercises.load(day), "SETUP", ""), namespace)
    exec(code, namespace)
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
