"""Checks, hints and solutions of Day 28."""

import math

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
)

SETUP = """
import math

import numpy as np
"""


def check_standard_error(standard_error):
    for only_b, only_a, n in (
        (11, 5, 100),
        (40, 40, 1_000),
        (300, 100, 900),
    ):
        mean, square = (only_b - only_a) / n, (only_b + only_a) / n
        spread = math.sqrt(square - mean**2)
        unequal = {  # where the counts are nearly equal this is no mistake
            math.sqrt(square / n): "The mean of the squares is the variance only if "
            "the mean is 0: take off its square first.",
        }
        expect_number(
            standard_error(only_b, only_a, n),
            math.sqrt((square - mean**2) / n),
            {
                square - mean**2: "That is the variance of one review: divide by n and "
                "take the root.",
                (square - mean**2) / n: "That is the variance of the mean: take the "
                "root.",
                spread: "That is the spread of one review: the mean of n "
                "reviews has it divided by the root of n.",
                spread / n: "Divide by the root of n, not by n: the variance is "
                "divided by n inside the root.",
                math.sqrt(square) / n: "Divide the variance of one review by n once, "
                "inside the root, and take off the squared mean first.",
                100 * spread / math.sqrt(n): "Give a fraction, not points.",
                **(unequal if abs(mean) > 0.1 else {}),
            },
            rtol=0.02,
            otherwise=f"For counts {only_b} and {only_a} of {n}: the variance is the "
            "mean of the squares minus the square of the mean.",
        )
    return "Nearly √(b + c) / n: the concordant reviews only make n larger."


def check_at_least_one(answer):
    expect_number(
        answer,
        1 - 0.975**20,
        {
            0.5: "Adding up 20 times 2.5 % counts months with two of them twice.",
            0.025: "That is one challenger; twenty get a try.",
            0.975**20: "That is the probability that none is promoted.",
            0.025**20: "That is the probability that all twenty are promoted.",
            100 * (1 - 0.975**20): "Give a fraction, not percent.",
        },
        rtol=0.02,
        otherwise="First the probability that none of the twenty passes.",
    )
    return "Two months in five: count the tries, or lower the bar's error for each."


def check_missing_rule(answer):
    expect_causes(
        answer,
        {
            "A": "same data",
            "B": "interval",
            "C": "slices",
            "D": "expected champion",
        },
        {
            "A": "On which reviews was each of the two measured?",
            "B": "How many reviews decided, and how large is the difference?",
            "C": "What was never looked at?",
            "D": "Which model was the challenger compared with, and which one served "
            "when it was promoted?",
        },
        "rules",
    )
    return "Each of the four looked better in the one number that was compared."


def check_not_inferior(not_inferior):
    rng = np.random.default_rng(0)
    equal = rng.permutation(np.repeat([-1, 0, 1], [100, 1_800, 100]))
    cases = (
        (equal, 0.02, True, "an equal model on 2,000 reviews, margin 2 points"),
        (equal, 0.002, False, "an equal model, margin 0.2 points"),
        (
            equal,
            0.0125,
            False,
            "an equal model, margin 1.25 points: the task asks for "
            "1.96 standard errors",
        ),
        (equal, 0.0150, True, "an equal model on 2,000 reviews, margin 1.5 points"),
        (equal[:60], 0.02, False, "60 reviews: they cannot rule out a loss"),
        (np.repeat([-1, 0, 1], [200, 1_700, 100]), 0.02, False, "a loss of 5 points"),
        (
            np.repeat([-1, 0, 1], [55, 1_900, 45]),
            0.02,
            True,
            "a loss of half a point on 2,000 reviews, margin 2 points: less may be "
            "lost than the margin",
        ),
        (np.ones(500, int), 0.01, True, "better on every review"),
        (np.zeros(500, int), 0.01, True, "the same answer on every review"),
    )
    for difference, margin, expected, case in cases:
        got = not_inferior(difference.copy(), margin)
        if np.asarray(got).dtype != bool or np.asarray(got).size != 1:
            raise Wrong("Return True or False.")
        got = np.asarray(got).item()
        if bool(got) == expected:
            continue
        if case.startswith("an equal model on 2,000"):
            raise Wrong(
                "An equal model on 2,000 reviews was refused at a margin of "
                f"{100 * margin:g} points. "
                "It need not be better: compare the lower end with minus the margin. "
                "And a mean of n has the spread divided by the root of n, times 1.96."
            )
        if expected:
            raise Wrong(f"Refused, but should pass: {case}.")
        raise Wrong(
            f"Passed, but should not: {case}. The lower end of the interval has to be "
            "above minus the margin, not the mean."
        )
    return "Few reviews cannot show that nothing is lost; that is what the n is for."


def check_my_rule(my_rule):
    rng = np.random.default_rng(3)
    n = 1_200
    labels = rng.integers(0, 2, n)
    short = np.arange(n) % 10 == 0
    texts = ["Good." if is_short else "A long review. " * 20 for is_short in short]

    def model(right, sure):
        correct = rng.random(n) < right
        said = np.where(correct, labels, 1 - labels)
        return np.where(said == 1, 0.5 + sure, 0.5 - sure)

    old, good = model(0.85, 0.4), model(0.93, 0.4)
    short_broken = np.where(short, 0.95, model(0.99, 0.45))
    unsure = model(0.93, 0.01)
    verdicts = {
        "good": my_rule(list(texts), labels.copy(), old.copy(), good.copy()),
        "short": my_rule(list(texts), labels.copy(), old.copy(), short_broken),
        "unsure": my_rule(list(texts), labels.copy(), old.copy(), unsure),
    }
    if verdicts["good"] is not None:
        raise Wrong(
            "The good challenger was refused (93 % against 85 %, sure where it is "
            "right): a rule that refuses everybody protects nobody."
        )
    caught = [name for name in ("short", "unsure") if verdicts[name]]
    if not caught:
        raise Wrong(
            "Both bad challengers passed. Look at accuracy by length of text, or at "
            "the distance of the probabilities from one half."
        )
    if not all(isinstance(verdicts[name], str) for name in caught):
        raise Wrong("Return a sentence (a string) for the one who is refused, or None.")
    names = {"short": "the broken short texts", "unsure": "the unsure model"}
    return f"It finds {' and '.join(names[name] for name in caught)}."


EXERCISES = [
    Exercise(
        id="28.r1",
        title="From what a comparison is judged",
        name="judged_from",
        check=choice(
            "b",
            "Both models meet the same reviews, so the pairs belong together.",
            {
                "a": "Bars that overlap or not forget that both read the same reviews.",
                "c": "The larger one may be larger by luck.",
            },
        ),
        hints=("Day 4 compared settings seed by seed.",),
        solution='judged_from = "b"',
        wrong=(
            WrongAnswer('judged_from = "a"', "forget"),
            WrongAnswer('judged_from = "c"', "luck"),
        ),
    ),
    Exercise(
        id="28.r2",
        title="The best of ten",
        name="best_of_ten",
        check=choice(
            "a",
            "Who was picked for a number was picked for its luck as well.",
            {
                "b": "The luckiest of ten is picked, not the unluckiest.",
                "c": "It would be right for a model that this set did not choose.",
            },
        ),
        hints=("The best of a hundred guessers, Day 4.",),
        solution='best_of_ten = "a"',
        wrong=(
            WrongAnswer('best_of_ten = "b"', "luckiest"),
            WrongAnswer('best_of_ten = "c"', "did not choose"),
        ),
    ),
    Exercise(
        id="28.r3",
        title="A model that says too much",
        name="says_too_much",
        check=choice(
            "b",
            "Of what it calls 90 % sure, 70 % come true.",
            {
                "a": "Its accuracy is not told; its probabilities are off.",
                "c": "Overfitting may be a reason; what you see is the probabilities.",
            },
        ),
        hints=("Stated probability against observed frequency.",),
        solution='says_too_much = "b"',
        wrong=(
            WrongAnswer('says_too_much = "a"', "not told"),
            WrongAnswer('says_too_much = "c"', "may be a reason"),
        ),
    ),
    Exercise(
        id="28.1",
        title="The standard error of a paired gain",
        name="standard_error",
        check=check_standard_error,
        hints=(
            "Variance of one review: mean of the squares minus square of the mean.",
            "The mean of n reviews has that variance divided by n.",
        ),
        solution="""
def standard_error(only_b, only_a, n):
    mean, square = (only_b - only_a) / n, (only_b + only_a) / n
    return math.sqrt((square - mean**2) / n)
""",
        wrong=(
            WrongAnswer(
                "def standard_error(b, c, n):\n"
                "    return (b + c) / n - ((b - c) / n) ** 2",
                "variance of one review",
            ),
            WrongAnswer(
                "def standard_error(b, c, n):\n"
                "    return ((b + c) / n - ((b - c) / n) ** 2) / n",
                "take the root",
            ),
            WrongAnswer(
                "def standard_error(b, c, n):\n"
                "    return math.sqrt((b + c) / n - ((b - c) / n) ** 2)",
                "root of n",
            ),
            WrongAnswer(
                "def standard_error(b, c, n):\n    return math.sqrt(b + c) / n",
                "take off its square",
            ),
            WrongAnswer(
                "def standard_error(b, c, n):\n"
                "    return math.sqrt((b + c) / n - ((b - c) / n) ** 2) / n",
                "not by n",
            ),
            WrongAnswer(
                "def standard_error(b, c, n):\n    return abs(b - c) / n",
                "mean of the squares",
            ),
        ),
    ),
    Exercise(
        id="28.2",
        title="Twenty tries",
        name="at_least_one",
        check=check_at_least_one,
        hints=(
            "What is the probability that one of them is refused? That all are?",
            "Multiply the probability of a refusal twenty times; look at the rest.",
        ),
        solution="at_least_one = 1 - 0.975**20",
        wrong=(
            WrongAnswer("at_least_one = 0.5", "counts months"),
            WrongAnswer("at_least_one = 0.025", "twenty get a try"),
            WrongAnswer("at_least_one = 0.975**20", "none is promoted"),
            WrongAnswer("at_least_one = 40", "not percent"),
            WrongAnswer("at_least_one = 0.9", "none of the twenty"),
        ),
    ),
    Exercise(
        id="28.3",
        title="Four promotions to regret",
        name="missing_rule",
        check=check_missing_rule,
        hints=(
            "Read one row at a time: what was compared, on what, and when?",
            "0.4 points on 250 reviews are one review.",
        ),
        solution='missing_rule = {"A": "same data", "B": "interval", "C": "slices", '
        '"D": "expected champion"}',
        wrong=(
            WrongAnswer(
                'missing_rule = {"A": "interval", "B": "same data", "C": "slices", '
                '"D": "expected champion"}',
                "On which reviews",
            ),
            WrongAnswer(
                'missing_rule = {"A": "same data", "B": "slices", "C": "interval", '
                '"D": "expected champion"}',
                "How many reviews",
            ),
            WrongAnswer(
                'missing_rule = {"A": "same data", "B": "interval", "C": "slices", '
                '"D": "same data"}',
                "which one served",
            ),
            WrongAnswer('missing_rule = "slices"', "dictionary"),
        ),
    ),
    Exercise(
        id="28.4",
        title="Not inferior",
        name="not_inferior",
        check=check_not_inferior,
        hints=(
            "The lower end of the interval: mean - 1.96 · standard error.",
            "It has to lie above minus the margin.",
        ),
        solution="""
def not_inferior(difference, margin):
    error = difference.std(ddof=1) / math.sqrt(len(difference))
    return difference.mean() - 1.96 * error > -margin
""",
        wrong=(
            WrongAnswer(
                "def not_inferior(difference, margin):\n"
                "    return difference.mean() > -margin",
                "not the mean",
            ),
            WrongAnswer(
                "def not_inferior(difference, margin):\n"
                "    error = difference.std(ddof=1) / math.sqrt(len(difference))\n"
                "    return difference.mean() - 1.96 * error > 0",
                "need not be better",
            ),
            WrongAnswer(
                "def not_inferior(difference, margin):\n"
                "    error = difference.std(ddof=1) / math.sqrt(len(difference))\n"
                "    low = difference.mean() - 1.96 * error\n"
                "    return difference.mean() >= 0 and low > -margin",
                "half a point",
            ),
            WrongAnswer(
                "def not_inferior(difference, margin):\n"
                "    error = difference.std(ddof=1) / math.sqrt(len(difference))\n"
                "    return difference.mean() - 2.5 * error > -margin",
                "margin of 1.5 points",
            ),
            WrongAnswer(
                "def not_inferior(difference, margin):\n    return 'yes'",
                "True or False",
            ),
        ),
    ),
    Exercise(
        id="28.5",
        title="A rule of your own",
        name="my_rule",
        check=check_my_rule,
        hints=(
            "Cut the texts by length, and compare both models on the short ones.",
            "Or compare the mean of |p - 0.5| of both models.",
        ),
        solution="""
def my_rule(texts, labels, p_old, p_new):
    short = np.array([len(text) < 50 for text in texts])
    right_old, right_new = ((p >= 0.5) == (labels == 1) for p in (p_old, p_new))
    if right_new[short].mean() < right_old[short].mean() - 0.05:
        return "It is worse on short texts."
    return None
""",
        wrong=(
            WrongAnswer(
                "def my_rule(texts, labels, p_old, p_new):\n    return None",
                "Both bad",
            ),
            WrongAnswer(
                "def my_rule(texts, labels, p_old, p_new):\n    return 'no'",
                "refuses everybody",
            ),
            WrongAnswer(
                "def my_rule(texts, labels, p_old, p_new):\n"
                "    old, new = (((p >= 0.5) == (labels == 1)).mean() for p in "
                "(p_old, p_new))\n"
                "    return 'worse' if new < old else None",
                "Both bad",
            ),
            WrongAnswer(
                "def my_rule(texts, labels, p_old, p_new):\n"
                "    return True if np.abs(p_new - 0.5).mean() < 0.1 else None",
                "a sentence",
            ),
        ),
    ),
]
