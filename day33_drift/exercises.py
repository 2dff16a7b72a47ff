"""Checks, hints and solutions of Day 33."""

import numpy as np
from scipy import stats

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
)

SETUP = """
import numpy as np
from scipy import stats
"""


def check_psi_limit(psi_limit):
    for n, m, bins, risk in (
        (500, 2_000, 10, 0.001),
        (50, 5_000, 10, 0.05),
        (200, 200, 5, 0.01),
    ):
        scale = 1 / n + 1 / m
        expect_number(
            psi_limit(n, m, bins, risk),
            stats.chi2.ppf(1 - risk, bins - 1) * scale,
            {
                stats.chi2.ppf(risk, bins - 1) * scale: "That is the limit that chance "
                "stays below with this risk: take the upper end, 1 - risk.",
                stats.chi2.ppf(1 - risk, bins) * scale: "With B bins there are B - 1 "
                "degrees of freedom, as the shares add up to 1.",
                stats.chi2.ppf(1 - risk, bins - 1) / n: "The reference is a sample, "
                "too: its 1 / m belongs beside the 1 / n.",
                stats.chi2.ppf(1 - risk, bins - 1) / (n + m): "1 / n + 1 / m is not "
                "1 / (n + m): the smaller sample decides.",
                stats.chi2.ppf(1 - risk, bins - 1) / m: "The window is the smaller "
                "sample: its 1 / n belongs beside the 1 / m.",
                stats.chi2.ppf(1 - risk / 2, bins - 1) * scale: "PSI is never negative "
                "and large for every kind of drift: one tail, with the whole risk.",
                stats.chi2.ppf(1 - risk, bins - 1) * scale**0.5: "PSI adds up squared "
                "differences, more or less: 1 / n + 1 / m itself, without a root.",
                stats.chi2.ppf(1 - risk, bins - 1): "That is the chi-square limit; PSI "
                "is that variable times (1 / n + 1 / m).",
                (bins - 1) * scale: "That is the mean of PSI without drift; chance "
                "exceeds it in nearly half of the windows.",
            },
            rtol=0.01,
            otherwise=f"Not for n = {n}, m = {m}, {bins} bins, risk {risk}: a quantile "
            "of the chi-square distribution, times (1 / n + 1 / m).",
        )
    return (
        "The limit shrinks as the window grows, down to what 1 / m leaves: no single "
        "number can be right for all windows."
    )


def check_cause(answer):
    expect_causes(
        answer,
        {
            "A": "concept drift",
            "B": "broken field",
            "C": "new model",
            "D": "harmless drift",
        },
        {
            "A": "Neither texts nor answers moved. What else can make a model wrong?",
            "B": "How far did the lengths move? Would writers do that so suddenly?",
            "C": "The same kind of texts gets other answers. When did the model begin?",
            "D": "Compare the two accuracies with one another, and with the promise.",
        },
        "causes",
    )
    return "In A nothing but labels could tell; in C nothing but a rollback is needed."


def check_counted_since(counted_since):
    steady = np.array([[5, 2, 0], [9, 2, 1], [12, 6, 1]])
    cases = (
        (steady, [7, 4, 1], "counts that only grow"),
        (
            np.array([[5, 2, 0], [9, 2, 1], [3, 0, 1], [4, 8, 1]]),
            [4 + 4, 0 + 8, 1 + 1],
            "one restart",
        ),
        (
            np.array([[50, 50], [60, 10], [1, 0], [0, 3]]),
            [60 + 1 + 0, 10 + 0 + 3],
            "three restarts, the first seen in one bin alone",
        ),
        (np.array([[7, 1]]), [0, 0], "a single scrape"),
    )
    for scrapes, expected, case in cases:
        got = np.asarray(counted_since(scrapes.copy()))
        if got.shape == np.shape(expected) and np.allclose(got, expected):
            continue
        if (
            len(scrapes) == 1
            and got.dtype.kind in "iuf"
            and got.shape == ()
            and got == 0
        ):
            continue
        difference = scrapes[-1] - scrapes[0]
        if got.shape == difference.shape and len(scrapes) > 1:
            steps = np.diff(scrapes, axis=0)
            if np.allclose(got, difference):
                raise Wrong(
                    f"With {case}: last minus first forgets what was counted before a "
                    "restart, and can be negative. Go from scrape to scrape; one that "
                    "any bin has fallen in came after a restart."
                )
            if np.allclose(got, np.abs(steps).sum(0)):
                raise Wrong(
                    f"With {case}: a fall is no count. The size of the step down is "
                    "what had been counted before."
                )
            if np.allclose(got, scrapes[-1]):
                raise Wrong(
                    f"With {case}: the last row holds all since the service started, "
                    "also what came before the first scrape."
                )
            if np.allclose(got, np.maximum(steps, 0).sum(0)):
                raise Wrong(
                    f"With {case}: after a restart the new count itself was added "
                    "since the start, in every bin, not 0."
                )
            if np.allclose(got, np.where(steps < 0, scrapes[1:], steps).sum(0)):
                raise Wrong(
                    f"With {case}: one bin that fell tells of a restart of the whole "
                    "service, so that all bins of that row began at 0."
                )
            fell = (np.diff(scrapes.sum(axis=1)) < 0)[:, None]
            if np.allclose(got, np.where(fell, scrapes[1:], steps).sum(0)):
                raise Wrong(
                    f"With {case}: the sum of a row may grow across a restart, if many "
                    "texts came since. One bin that fell is enough."
                )
        expect_close(got, expected, f"with {case}")
    return (
        "Prometheus' increase() mends restarts, too, but for each bin alone: it misses "
        "one in a bin that has already grown past its old count."
    )


OLD_TEXTS = (
    "this film was a joy from the first scene to the last one",
    "the plot is thin and the actors do not seem to care at all",
    "i saw it with my family and we laughed for most of two hours",
    "a slow start but the second half is worth waiting for in my view",
    "what a waste of a good idea and of a very good cast",
    "it is neither funny nor sad and nobody in it behaves like a person",
)
FRENCH = (
    "ce film est une merveille du début à la fin et les acteurs sont justes",
    "une histoire sans intérêt que les dialogues rendent plus longue encore",
    "nous avons ri pendant deux heures avec toute la famille au cinéma",
    "le début est lent mais la seconde partie vaut bien cette attente",
    "quel gâchis pour une si bonne idée et pour de si bons comédiens",
)


def _stream(sentences, n, seed):
    """So many texts of a few sentences each, with words left out at random."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        chosen = rng.choice(len(sentences), rng.integers(2, 7))
        words = " ".join(sentences[i] for i in chosen).split()
        made.append(" ".join(w for w in words if rng.random() < 0.8) or "film")
    return made


def check_my_number(my_number):
    size, risk = 300, 0.001
    old = _stream(OLD_TEXTS, size, 1)
    rng = np.random.default_rng(4)
    repeating = []
    for text in _stream(OLD_TEXTS, size, 2):
        words = text.split()
        few = words[: int(rng.integers(3, 8))]
        repeating.append(" ".join((few * len(words))[: len(words)]))
    streams = {
        "French": _stream(FRENCH, size, 3),
        "capitals": [text.upper() for text in _stream(OLD_TEXTS, size, 4)],
        "repetition": repeating,
    }

    def numbers(some):
        try:
            values = np.array([float(my_number(text)) for text in some])
        except (TypeError, ValueError):
            raise Wrong("Return one number for a text.") from None
        except ZeroDivisionError:
            raise Wrong("Some text divides by 0: divide with care.") from None
        if not np.isfinite(values).all():
            raise Wrong("Some text got nan or an infinite number: divide with care.")
        return values

    base = numbers(old)
    quiet = [
        stats.ks_2samp(base, numbers(_stream(OLD_TEXTS, size, 10 + i))).pvalue
        for i in range(8)
    ]
    if min(quiet) < risk / 8:
        raise Wrong(
            "It alarms on reviews of the old kind: does it depend on the text alone?"
        )
    found = [
        name
        for name, some in streams.items()
        if stats.ks_2samp(base, numbers(some)).pvalue < risk
    ]
    if len(found) < 2:
        seen = f"It finds {found[0]} alone." if found else "It finds none of the three."
        raise Wrong(
            f"{seen} Look at single characters, or at how many of a text's words "
            "differ from one another."
        )
    return f"It finds {' and '.join(found)}, and is silent on the old kind."


EXERCISES = [
    Exercise(
        id="33.r1",
        title="What a temperature changes",
        name="temperature_changes",
        check=choice(
            "b",
            "Every logit is divided by one number: the order stays, and so does the "
            "side of 0.",
            {
                "a": "All logits are divided by the same positive number.",
                "c": "A logit keeps its sign, and 0.5 is the probability of logit 0.",
            },
        ),
        hints=("What does dividing by 2 do to a logit of 3, and to one of -1?",),
        solution='temperature_changes = "b"',
        wrong=(
            WrongAnswer('temperature_changes = "a"', "same positive number"),
            WrongAnswer('temperature_changes = "c"', "keeps its sign"),
        ),
    ),
    Exercise(
        id="33.r2",
        title="Twenty checks",
        name="some_alarm",
        check=choice(
            "b",
            "That none alarms has the probability 0.95 to the power 20, about a third.",
            {
                "a": "That is the risk of one check; twenty get a try.",
                "c": "Each may stay silent, and then all may.",
            },
        ),
        hints=("First: how likely is it that none of them alarms?",),
        solution='some_alarm = "b"',
        wrong=(
            WrongAnswer('some_alarm = "a"', "twenty get a try"),
            WrongAnswer('some_alarm = "c"', "stay silent"),
        ),
    ),
    Exercise(
        id="33.r3",
        title="Power",
        name="power_is",
        check=choice(
            "c",
            "Power is what a test sees of what is there.",
            {
                "a": "That is one minus its risk of a false alarm.",
                "b": "That mixes its two kinds of error.",
            },
        ),
        hints=("Of all real differences, how many does it notice?",),
        solution='power_is = "c"',
        wrong=(
            WrongAnswer('power_is = "a"', "false alarm"),
            WrongAnswer('power_is = "b"', "two kinds"),
        ),
    ),
    Exercise(
        id="33.1",
        title="A limit for PSI",
        name="psi_limit",
        check=check_psi_limit,
        hints=(
            "Without drift PSI is near (1 / n + 1 / m) times a chi-square variable.",
            "stats.chi2.ppf(1 - risk, degrees of freedom) is what it exceeds with "
            "that risk; how many degrees of freedom have B bins?",
        ),
        solution="""
def psi_limit(n, m, bins, risk):
    return stats.chi2.ppf(1 - risk, bins - 1) * (1 / n + 1 / m)
""",
        wrong=(
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(risk, bins - 1) * (1 / n + 1 / m)",
                "upper end",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(1 - risk, bins) * (1 / n + 1 / m)",
                "degrees of freedom",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(1 - risk, bins - 1) / n",
                "reference is a sample",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(1 - risk, bins - 1) / (n + m)",
                "smaller sample",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(1 - risk, bins - 1) / m",
                "window is the smaller",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(1 - risk / 2, bins - 1) * (1 / n + 1 / m)",
                "one tail",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return stats.chi2.ppf(1 - risk, bins - 1) * (1 / n + 1 / m)**0.5",
                "without a root",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n"
                "    return (bins - 1) * (1 / n + 1 / m)",
                "mean of PSI",
            ),
            WrongAnswer(
                "def psi_limit(n, m, bins, risk):\n    return 0.2",
                "quantile",
            ),
        ),
    ),
    Exercise(
        id="33.2",
        title="Four incidents",
        name="cause",
        check=check_cause,
        hints=(
            "Read one row at a time: what moved, the texts, the answers, both, none?",
            "Was harm expected, and did it come? Which of the four can know?",
        ),
        solution='cause = {"A": "concept drift", "B": "broken field", '
        '"C": "new model", "D": "harmless drift"}',
        wrong=(
            WrongAnswer(
                'cause = {"A": "harmless drift", "B": "broken field", '
                '"C": "new model", "D": "concept drift"}',
                "What else",
            ),
            WrongAnswer(
                'cause = {"A": "concept drift", "B": "harmless drift", '
                '"C": "new model", "D": "broken field"}',
                "so suddenly",
            ),
            WrongAnswer(
                'cause = {"A": "concept drift", "B": "broken field", '
                '"C": "harmless drift", "D": "new model"}',
                "When did the model",
            ),
            WrongAnswer('cause = "concept drift"', "dictionary"),
        ),
    ),
    Exercise(
        id="33.3",
        title="Counts that begin anew",
        name="counted_since",
        check=check_counted_since,
        hints=(
            "np.diff(scrapes, axis=0) gives the steps from scrape to scrape.",
            "Where a step is negative in any bin, the whole row of the later scrape "
            "is what was counted since the restart.",
        ),
        solution="""
def counted_since(scrapes):
    steps = np.diff(scrapes, axis=0)
    restarted = (steps < 0).any(axis=1, keepdims=True)
    return np.where(restarted, scrapes[1:], steps).sum(axis=0)
""",
        right=(
            "def counted_since(scrapes):\n"
            "    total = 0\n"
            "    for old, new in zip(scrapes[:-1], scrapes[1:]):\n"
            "        total = total + (new if (new < old).any() else new - old)\n"
            "    return total",
        ),
        wrong=(
            WrongAnswer(
                "def counted_since(scrapes):\n    return scrapes[-1] - scrapes[0]",
                "last minus first",
            ),
            WrongAnswer(
                "def counted_since(scrapes):\n"
                "    return np.maximum(np.diff(scrapes, axis=0), 0).sum(axis=0)",
                "new count itself",
            ),
            WrongAnswer(
                "def counted_since(scrapes):\n"
                "    steps = np.diff(scrapes, axis=0)\n"
                "    return np.where(steps < 0, scrapes[1:], steps).sum(axis=0)",
                "whole service",
            ),
            WrongAnswer(
                "def counted_since(scrapes):\n"
                "    return np.abs(np.diff(scrapes, axis=0)).sum(axis=0)",
                "a fall is no count",
            ),
            WrongAnswer(
                "def counted_since(scrapes):\n"
                "    steps = np.diff(scrapes, axis=0)\n"
                "    fell = np.diff(scrapes.sum(axis=1, keepdims=True), axis=0) < 0\n"
                "    return np.where(fell, scrapes[1:], steps).sum(axis=0)",
                "may grow across a restart",
            ),
            WrongAnswer(
                "def counted_since(scrapes):\n    return scrapes[-1]",
                "all since the service started",
            ),
        ),
    ),
    Exercise(
        id="33.4",
        title="A statistic of your own",
        name="my_number",
        check=check_my_number,
        hints=(
            "Capitals and accents both show in single characters.",
            "Or: the number of different words over the number of words.",
        ),
        solution="""
def my_number(text):
    plain = sum("a" <= letter <= "z" or letter in " '" for letter in text)
    return plain / max(len(text), 1)
""",
        right=(
            "def my_number(text):\n"
            "    words = text.split()\n"
            "    return len(set(words)) / max(len(words), 1) - "
            "10 * any(map(str.isupper, words))",
        ),
        wrong=(
            WrongAnswer("def my_number(text):\n    return len(text)", "It finds"),
            WrongAnswer("def my_number(text):\n    return 1", "none of the three"),
            WrongAnswer("def my_number(text):\n    return 1 / 0", "divides by 0"),
            WrongAnswer("def my_number(text):\n    return text.upper()", "one number"),
            WrongAnswer(
                "def my_number(text):\n    return float('nan')", "divide with care"
            ),
        ),
    ),
]
