"""Checks, hints and solutions of Day 37."""

import math
from statistics import NormalDist

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    refuse_blank,
    whole_number,
    word,
)

SETUP = """
import math
from statistics import NormalDist

import numpy as np
"""

LINE = {"A": [], "B": ["A"], "C": ["B"], "D": ["B"], "E": ["D"]}
MERGED = LINE | {"M": ["C", "E"], "N": ["M"], "P": ["E"]}
CROSSED = {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"], "E": ["C", "B"]}
APART = {"A": [], "B": []}
TWICE = {"A": [], "B": ["A"], "C": ["B"], "D": ["B"], "E": ["A", "C"], "F": ["A", "D"]}


def check_merge_bases(merge_bases):
    cases = (
        (LINE, "C", "E", {"B"}, "two branches from B"),
        (LINE, "B", "E", {"B"}, "where one is an ancestor of the other"),
        (LINE, "E", "E", {"E"}, "of a commit and itself"),
        (MERGED, "N", "P", {"E"}, "after a branch was merged"),
        (CROSSED, "D", "E", {"B", "C"}, "of two branches that merged each other"),
        (TWICE, "E", "F", {"B"}, "of two merges whose first parent is the same"),
        (APART, "A", "B", set(), "of two histories that share nothing"),
    )
    for parents, a, b, expected, case in cases:
        got = merge_bases({name: list(one) for name, one in parents.items()}, a, b)
        refuse_blank(got)
        if got is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        got = {got} if isinstance(got, str) else set(got)
        if got == expected:
            continue
        shown = f"{case}: {a} and {b} in {parents}"
        if got == _ancestors(parents, a) & _ancestors(parents, b):
            raise Wrong(
                f"These are all common ancestors ({shown}). Leave out those that are "
                "ancestors of another one."
            )
        if not got:
            raise Wrong(
                f"Nothing is left ({shown}): a commit counts as its own ancestor."
            )
        if got < expected:
            raise Wrong(f"There may be more than one best ancestor ({shown}).")
        if parents is MERGED:
            raise Wrong(
                "A merge commit has two parents, and both lead to ancestors "
                f"({shown}), at any depth."
            )
        if parents is TWICE:
            raise Wrong(
                "The number of steps does not count: leave out an ancestor of another "
                f"common ancestor, however near it is ({shown})."
            )
        raise Wrong(f"{sorted(got)} is not right {shown}.")
    return "Two best ancestors are a criss-cross: git merges them first, then merges."


def _ancestors(parents, commit):
    return {commit}.union(*(_ancestors(parents, one) for one in parents[commit]))


def check_exit_status(exit_status):
    too_often = []

    def measured(values):
        waiting = list(values)

        def measure():
            if not waiting:
                too_often.append(True)
                raise RuntimeError("called too often")
            return waiting.pop(0)

        return measure

    def raising(error, after):
        waiting = [0.9] * after

        def measure():
            if not waiting:
                raise error
            return waiting.pop()

        return measure

    def status(measure, repeats, threshold):
        try:
            got = exit_status(measure, repeats, threshold)
        finally:
            if too_often:
                raise Wrong("measure() is to be called `repeats` times, no more.")
        refuse_blank(got)
        if got is None:
            raise Wrong("Nothing was returned: 0 for good, and for the others?")
        if isinstance(got, (bool, np.bool_)):
            got = int(got)
        return whole_number(got, "An exit status") % 256  # all that a process keeps

    for error in (ImportError("wrods"), NameError("split"), RuntimeError("diverged")):
        name = type(error).__name__
        for after in (0, 1):
            try:
                crash = status(raising(error, after), 3, 0.8)
            except type(error):
                raise Wrong(
                    "A commit whose code does not run raises an exception, here "
                    f"{name}: catch it. Uncaught it ends Python with status 1, which "
                    "git takes for bad."
                ) from None
            if crash != 125:
                raise Wrong(
                    f"A commit that does not run ({name}) got {crash}. It is neither "
                    "good nor bad: which status tells git to skip it?"
                )
    for error in (FileNotFoundError("reviews.json"), PermissionError("reviews.json")):
        name = type(error).__name__
        for after in (0, 1):
            try:
                stop = status(raising(error, after), 3, 0.8)
            except OSError:
                raise Wrong(
                    f"Without reviews the script ends with an OSError, here {name}, "
                    "that is with status 1, and git goes on as if the commit were "
                    "bad. Catch it, too."
                ) from None
            if not 128 <= stop <= 255:
                raise Wrong(
                    f"Where the reviews cannot be read ({name}, an OSError) it "
                    f"returned {stop}. No commit can be judged then: which statuses "
                    "end the search?"
                )
    good, bad = (status(measured([level] * 3), 3, 0.8) for level in (0.9, 0.7))
    if good != 0 and bad == 0:
        raise Wrong("For a program 0 means that all is well: good is 0, bad is 1.")
    if good != 0 or not _is_bad(bad):
        raise Wrong("Good is 0; bad is 1, or another number up to 127 but for 125.")
    mixed = (
        _is_bad(status(measured([0.70, 0.99, 0.75]), 3, 0.8)),
        _is_bad(status(measured([0.90, 0.50, 0.85]), 3, 0.8)),
    )
    if mixed == (True, False):
        raise Wrong(
            "All repeats count: decide by their mean, not by the first one or by what "
            "most of them say."
        )
    if mixed == (True, True):
        raise Wrong("One low training does not make a bad commit: take the mean.")
    if mixed == (False, False):
        raise Wrong("One high training does not make a good commit: take the mean.")
    if not _is_bad(status(measured([0.9] * 2 + [0.5] * 3), 5, 0.8)):
        raise Wrong(
            "Call measure() `repeats` times: five here, of which three are low."
        )
    if status(measured([0.75, 0.75]), 2, 0.75) != 0:
        raise Wrong("A mean at the threshold is good: at or above.")
    return "Good, bad, cannot say, and stop: four answers, where a test has two."


def _is_bad(status):
    return 1 <= status <= 127 and status != 125


def check_trainings(answer):
    got = whole_number(answer, "The number of trainings")
    reasons = {
        2: "The margin is half the effect: the threshold lies in the middle.",
        4: "That holds for one test. All tests together may err with 1 %.",
        5: "Fewer than needed are not enough: round up.",
        7: "Only one side is an error: a good commit that looks too good is no harm.",
        9: "Bisection does not test all 100 commits: how often can 100 be halved?",
        13: "The margin is half the effect here, not a third.",
    }
    if got == 6:
        return "Seven tests, z = 2.98, and a margin of 1.0 point."
    raise Wrong(reasons.get(got, "n is at least (z σ / m)², with m = 1.0 and σ = 0.8."))


def check_cause(answer):
    expect_causes(
        answer,
        {
            "A": "crash counted as bad",
            "B": "filter not set",
            "C": "kept by the history",
            "D": "merged before",
            "E": "commit on no branch",
        },
        {
            "A": "What does Python do with that import, and with which status does it "
            "end?",
            "B": "The attribute names a filter. Where is written what the filter does?",
            "C": "The file is not among the present ones. And among the past ones?",
            "D": "Which commit is the merge base of main and idea?",
            "E": "A commit was made. Which label moved with it?",
        },
    )
    return "Each of these repositories is in order, as far as git can tell."


def check_decide(decide):
    rng = np.random.default_rng(375)
    good, bad, noise, fixed, most, searches = 82.0, 80.0, 1.5, 20, 400, 4_000
    errors = spent = 0
    for number in range(searches):
        truth, level = ("good", good) if number % 2 else ("bad", bad)
        drawn = rng.normal(level, noise, size=most).tolist()
        for size in range(1, most + 1):
            said = decide(drawn[:size], good, bad, noise)
            refuse_blank(said)
            said = word(said)
            if said not in ("good", "bad", "more"):
                raise Wrong('Return "good", "bad" or "more".')
            if said != "more":
                break
        else:
            raise Wrong(f"After {most} trainings it still asks for more.")
        errors += said != truth
        spent += size
        if spent / (number + 1) > 3 * fixed and number > 20:
            break
        if errors > 0.003 * searches + 200:
            break
    tried = number + 1
    share, mean = errors / tried, spent / tried
    numbers = f"{share:.2%} wrong, {mean:.1f} trainings on average"
    if share > 0.003:
        raise Wrong(
            f"{numbers}: too many wrong answers, it decides before the evidence is "
            "clear. How far from even must the odds be?"
        )
    if mean > 0.7 * fixed:
        raise Wrong(
            f"{numbers}, where a fixed number takes {fixed}: it could stop earlier "
            "when the first trainings leave no doubt."
        )
    fixed_errs = NormalDist().cdf(-(good - bad) / 2 * math.sqrt(fixed) / noise)
    return f"{numbers}; with a fixed number of {fixed}, {fixed_errs:.2%} are wrong."


_MERGE_BASES = """
def merge_bases(parents, a, b):
    def ancestors(commit):
        return {{commit}}.union(*(ancestors(one) for one in parents[commit]))

    common = ancestors(a) & ancestors(b)
    return {result}
"""
_BEST = "{c for c in common if not any(c in ancestors(o) for o in common - {c})}"
_NEAREST = """
def merge_bases(parents, a, b):
    def steps(start):
        far, queue = {start: 0}, [start]
        for commit in queue:
            for one in parents[commit]:
                if one not in far:
                    far[one] = far[commit] + 1
                    queue.append(one)
        return far

    of_a, of_b = steps(a), steps(b)
    both = {commit: of_a[commit] + of_b[commit] for commit in of_a if commit in of_b}
    return {commit for commit in both if both[commit] == min(both.values())}
"""
_DECIDE = """
def decide(scores, good, bad, noise):
    middle = (good + bad) / 2
    odds = sum((s - middle) * (good - bad) / noise**2 for s in scores)
    if abs(odds) < math.log({odds}):
        return "more"
    return "good" if odds > 0 else "bad"
"""
_STATUS = """
def exit_status(measure, repeats, threshold):
    try:
        scores = [measure() for _ in range(repeats)]
    except OSError:
        return {stop}
    except Exception:
        return {crash}
    return {answer}
"""


def _status(answer: str, crash: int = 125, stop: int = 255) -> str:
    """Return an answer to 37.2: what it returns in the end, and after an error."""
    return _STATUS.format(answer=answer, crash=crash, stop=stop)


EXERCISES = [
    Exercise(
        id="37.r1",
        title="The mean of twenty-five",
        name="scatter_of_mean",
        check=choice(
            "b",
            "The scatter of a mean falls with the square root of the number.",
            {
                "a": "Averaging calms: high and low ones cancel in part.",
                "c": "That divides by twenty-five; its square root is what counts.",
            },
        ),
        hints=("By which factor does a standard error fall when n grows 25-fold?",),
        solution='scatter_of_mean = "b"',
        wrong=(
            WrongAnswer('scatter_of_mean = "a"', "Averaging calms"),
            WrongAnswer('scatter_of_mean = "c"', "square root"),
        ),
    ),
    Exercise(
        id="37.r2",
        title="A folder stored twice",
        name="copies_kept",
        check=choice(
            "a",
            "The 999 have the names that they had; one photograph has a new one.",
            {
                "b": "What is the name of a photograph whose bytes have not changed?",
                "c": "Such a store knows whole files: the new bytes have a new name.",
            },
        ),
        hints=("Which names in the second folder does the store not know yet?",),
        solution='copies_kept = "a"',
        wrong=(
            WrongAnswer('copies_kept = "b"', "have not changed"),
            WrongAnswer('copies_kept = "c"', "whole files"),
        ),
    ),
    Exercise(
        id="37.r3",
        title="A flaky test with retries",
        name="real_faults",
        check=choice(
            "c",
            "A fault that shows in p of the runs stops a change with p³ only.",
            {
                "a": "Now a fault has to show three times in a row.",
                "b": "There is no later: the change has passed.",
            },
        ),
        hints=("How often must the test fail for the change to be stopped?",),
        solution='real_faults = "c"',
        wrong=(
            WrongAnswer('real_faults = "a"', "three times"),
            WrongAnswer('real_faults = "b"', "no later"),
        ),
    ),
    Exercise(
        id="37.1",
        title="The best common ancestors",
        name="merge_bases",
        check=check_merge_bases,
        hints=(
            "First the set of all ancestors of a commit: itself, and the ancestors of "
            "each parent.",
            "The common ones are an intersection. Which of them are ancestors of "
            "another common one?",
        ),
        solution=_MERGE_BASES.format(result=_BEST),
        right=(
            _MERGE_BASES.format(result=f"sorted({_BEST[1:-1]})"),
            _MERGE_BASES.format(result=f"frozenset({_BEST})"),
        ),
        wrong=(
            WrongAnswer(_MERGE_BASES.format(result="common"), "all common ancestors"),
            WrongAnswer(
                _MERGE_BASES.format(result=f"set(sorted({_BEST})[:1])"), "more than one"
            ),
            WrongAnswer(
                _MERGE_BASES.format(result=_BEST).replace(
                    "parents[commit])", "parents[commit][:1])"
                ),
                "two parents",
            ),
            WrongAnswer(
                _MERGE_BASES.format(result=_BEST).replace(
                    "{commit}.union", "set().union"
                ),
                "its own ancestor",
            ),
            WrongAnswer(_NEAREST, "number of steps"),
            WrongAnswer(
                "def merge_bases(parents, a, b):\n    pass", "return statement"
            ),
        ),
    ),
    Exercise(
        id="37.2",
        title="An exit status for git bisect run",
        name="exit_status",
        check=check_exit_status,
        hints=(
            "Four answers: good, bad, the number that means skip, and one that ends "
            "the search.",
            "try: measure `repeats` times; except OSError: one answer; except "
            "Exception: another. Then compare the mean.",
        ),
        solution=_status("0 if np.mean(scores) >= threshold else 1"),
        right=(
            _status("int(np.mean(scores) < threshold)"),
            _status("np.mean(scores) < threshold"),
            _status("2 * (np.mean(scores) < threshold)"),
            _status("127 * (np.mean(scores) < threshold)", stop=-1),
        ),
        wrong=(
            WrongAnswer(_status("0", stop=125), "end the search"),
            WrongAnswer(
                _status("0").replace("    except OSError:\n        return 255\n", ""),
                "end the search",
            ),
            WrongAnswer(
                _status("int(np.mean(scores) < threshold)", crash=1),
                "neither good nor bad",
            ),
            WrongAnswer(
                "def exit_status(measure, repeats, threshold):\n"
                "    scores = [measure() for _ in range(repeats)]\n"
                "    return int(np.mean(scores) < threshold)",
                "catch it",
            ),
            WrongAnswer(
                _status("int(np.mean(scores) >= threshold)"),
                "0 means that all is well",
            ),
            WrongAnswer(
                _status("int(np.mean(scores) <= threshold)"),
                "at or above",
            ),
            WrongAnswer(
                _status("int(min(scores) < threshold)"),
                "One low training",
            ),
            WrongAnswer(
                _status("int(max(scores) < threshold)"),
                "One high training",
            ),
            WrongAnswer(
                _status("int(scores[0] < threshold)"),
                "not by the first",
            ),
            WrongAnswer(
                _status("255 * (np.mean(scores) < threshold)"),
                "up to 127",
            ),
            WrongAnswer(
                _status("int(np.median(scores) < threshold)"),
                "most of them",
            ),
            WrongAnswer(
                _status("int(np.mean(scores) < threshold)").replace(
                    "except Exception", "except ImportError"
                ),
                "here NameError",
            ),
            WrongAnswer(
                _status("int(np.mean(scores) < threshold)").replace(
                    "except OSError", "except FileNotFoundError"
                ),
                "PermissionError",
            ),
            WrongAnswer(
                _status("int(np.mean([*scores, measure()]) < threshold)"),
                "no more",
            ),
        ),
    ),
    Exercise(
        id="37.3",
        title="Trainings for each test",
        name="trainings_each",
        check=check_trainings,
        hints=(
            "How many times can 100 be halved, rounded up? That is S.",
            "z for 0.01 / S, times 0.8, over half the effect, squared, rounded up.",
        ),
        solution="trainings_each = math.ceil((NormalDist().inv_cdf(1 - 0.01 / 7) "
        "* 0.8 / 1.0) ** 2)",
        right=('trainings_each = "6"', "trainings_each = 6.0"),
        wrong=(
            WrongAnswer("trainings_each = 2", "half the effect"),
            WrongAnswer("trainings_each = 4", "one test"),
            WrongAnswer("trainings_each = 5", "round up"),
            WrongAnswer("trainings_each = 7", "one side"),
            WrongAnswer("trainings_each = 9", "halved"),
            WrongAnswer("trainings_each = 13", "not a third"),
            WrongAnswer("trainings_each = 5.7", "whole number"),
            WrongAnswer("trainings_each = 100", "at least"),
        ),
    ),
    Exercise(
        id="37.4",
        title="Five repositories that puzzle a colleague",
        name="cause",
        check=check_cause,
        hints=(
            "For each: what did somebody do just before?",
            "Attributes are cloned with the files, settings are not.",
        ),
        solution='cause = {"A": "crash counted as bad", "B": "filter not set", '
        '"C": "kept by the history", "D": "merged before", "E": "commit on no branch"}',
        wrong=(
            WrongAnswer(
                'cause = {"A": "merged before", "B": "filter not set", '
                '"C": "kept by the history", "D": "crash counted as bad", '
                '"E": "commit on no branch"}',
                "with which status",
            ),
            WrongAnswer(
                'cause = {"A": "crash counted as bad", "B": "kept by the history", '
                '"C": "filter not set", "D": "merged before", '
                '"E": "commit on no branch"}',
                "what the filter does",
            ),
            WrongAnswer(
                'cause = {"A": "crash counted as bad", "B": "filter not set", '
                '"C": "kept by the history", "D": "commit on no branch", '
                '"E": "merged before"}',
                "merge base",
            ),
        ),
    ),
    Exercise(
        id="37.5",
        title="A sequential test",
        name="decide",
        check=check_decide,
        hints=(
            "Each training speaks for good or bad by the ratio of two normal "
            "densities; independent ones multiply, their logarithms add.",
            "The logarithm of the ratio is (s - middle) (good - bad) / noise².",
            "Stop when the sum's amount exceeds the logarithm of the odds that you ask "
            "for: 599 to 1 for one wrong answer in 600.",
        ),
        solution=_DECIDE.format(odds=599),
        right=(_DECIDE.format(odds=400).replace('"more"', '"More"'),),
        wrong=(
            WrongAnswer(_DECIDE.format(odds=20), "too many wrong answers"),
            WrongAnswer(_DECIDE.format(odds="1e6"), "stop earlier"),
            WrongAnswer(
                "def decide(scores, good, bad, noise):\n"
                "    if len(scores) < 20:\n        return 'more'\n"
                "    return 'good' if np.mean(scores) > (good + bad) / 2 else 'bad'",
                "stop earlier",
            ),
            WrongAnswer(
                "def decide(scores, good, bad, noise):\n"
                "    return 'good' if scores[-1] > (good + bad) / 2 else 'bad'",
                "too many wrong answers",
            ),
            WrongAnswer(
                "def decide(scores, good, bad, noise):\n    return 'more'",
                "still asks for more",
            ),
            WrongAnswer(
                "def decide(scores, good, bad, noise):\n    return True", '"more"'
            ),
        ),
    ),
]
