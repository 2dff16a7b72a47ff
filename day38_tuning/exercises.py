"""Checks, hints and solutions of Day 38."""

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
    refuse_blank,
    whole_number,
)

SETUP = """
import math

import numpy as np

continued = ...
"""


def check_log_uniform(log_uniform):
    for low, high in ((1e-5, 1.0), (2.0, 50.0)):
        got = log_uniform(np.random.default_rng(1), low, high, 20_000)
        refuse_blank(got)
        got = np.squeeze(np.asarray(got, float))
        if got.shape != (20_000,):
            raise Wrong(f"The result has shape {got.shape}, not (20000,).")
        if not np.isfinite(got).all():
            raise Wrong("Some of the numbers are nan or inf.")
        if got.min() < low * (1 - 1e-9) or got.max() > high * (1 + 1e-9):
            if got.min() >= np.log(low) - 1e-9 and got.max() <= np.log(high) + 1e-9:
                raise Wrong("These are the logarithms: take the exponential of them.")
            raise Wrong(
                f"Between {low:g} and {high:g} are asked for; there are numbers from "
                f"{got.min():.3g} to {got.max():.3g}."
            )
        middle = np.mean(got < np.sqrt(low * high))
        if abs(np.mean(got < (low + high) / 2) - 0.5) < 0.02:
            raise Wrong(
                "Half of them lie below the arithmetic mean: that is uniform on the "
                "linear scale."
            )
        if got.min() > low * (high / low) ** 0.1 or got.max() < high / 1.2:
            raise Wrong(
                f"They reach from {got.min():.3g} to {got.max():.3g} only. Is the base "
                "of the logarithm the one of the power?"
            )
        quarter = np.mean(got < low * (high / low) ** 0.25)
        if abs(middle - 0.5) > 0.02 or abs(quarter - 0.25) > 0.02:
            raise Wrong(
                f"{middle:.0%} of them lie below the geometric mean; it should be half."
            )
        if np.unique(np.round(np.log(got), 9)).size < 10_000:
            raise Wrong("Few different numbers come: draw each one anew.")
    return "From 0.00001 to 1 each power of ten now gets a fifth of the trials."


def check_halving_costs(answer):
    continued, anew = expect_parts(answer, 2, "Give two numbers: (continued, anew).")
    expect_number(
        continued,
        297,
        {
            405: "That is the second case: who goes on from epoch 1 to 3 pays for two.",
            324: "The last configuration goes on too: from 27 to 81 it pays for 54.",
            243: "There are five rungs: 1, 3, 9, 27 and 81 epochs.",
        },
        digits=3,
        otherwise="81 × 1, then 27 × 2, then 9 × 6, and so on: add them up.",
    )
    expect_number(
        anew,
        405,
        {
            297: "That is the first case; anew each rung pays for all its epochs.",
            324: "There are five rungs: 81, 27, 9, 3 and 1 configurations.",
            6561: "That is every configuration in full, with no halving.",
        },
        digits=3,
        otherwise="Each rung pays for the same number of epochs: how many rungs?",
    )
    return "As much as four or five full trainings, for a look at 81 configurations."


def check_causes(answer):
    expect_causes(
        answer,
        {
            "A": "linear range",
            "B": "one seed for all",
            "C": "best score reported",
            "D": "unequal budgets",
            "E": "tuned on the test set",
        },
        {
            "A": "How many of the numbers between 0.00001 and 1 are below 0.1?",
            "B": "What did every trial of the study have in common?",
            "C": "What is the largest of 400 noisy numbers?",
            "D": "How many epochs did each of the two pay for?",
            "E": "Which reviews chose the winner?",
        },
        "causes",
    )
    return "C would remain even if all the others were mended: only fresh reviews help."


class _Overspent(Exception):
    pass


class _MadeUp:
    """Two hundred learning curves: a final quality, a slow or quick start, noise."""

    def __init__(self, seed, epochs=270, count=200):
        rng = np.random.default_rng([383, seed])
        self.truth = 0.85 - 0.25 * rng.random(count) ** 0.7
        self.speed = rng.uniform(1.0, 3.0, count)
        self.noise = rng.normal(0, 0.008, (count, 28))
        self.left, self.stands = epochs, np.zeros(count, int)
        self.longest, self.count = 27, count

    def train(self, config, upto):
        config, upto = int(config), int(upto)
        if not 0 <= config < self.count:
            raise Wrong(f"There is no configuration {config}.")
        if not 1 <= upto <= self.longest:
            raise Wrong(f"Trainings go up to epoch {self.longest}, not {upto}.")
        self.left -= max(0, upto - self.stands[config])
        if self.left < 0:
            raise _Overspent
        self.stands[config] = max(upto, self.stands[config])
        start = 0.15 * np.exp(-upto / self.speed[config])
        return float(self.truth[config] - start + self.noise[config, upto])


def check_search(search, studies=40):
    gains = []
    for seed in range(studies):
        study, rng = _MadeUp(seed), np.random.default_rng(seed)
        ten = rng.choice(200, 10, replace=False)
        random = study.truth[ten[np.argmax(study.truth[ten] + study.noise[ten, 27])]]
        try:
            chosen = search(study.train, 200, 270)
        except _Overspent:
            raise Wrong("It pays for more than 270 epochs.") from None
        refuse_blank(chosen)
        chosen = whole_number(chosen, "The configuration handed over")
        if not 0 <= chosen < 200:
            raise Wrong(f"There is no configuration {chosen}.")
        gains.append(study.truth[chosen] - random)
    gains = np.array(gains)
    mean, error = gains.mean(), gains.std(ddof=1) / studies**0.5
    shown = f"{100 * mean:+.2f} ± {100 * error:.2f} points against random search"
    if mean < -3 * error:
        raise Wrong(f"{shown}: worse. By which scores does it choose?")
    if not mean > 3 * error:
        raise Wrong(f"{shown}: undecided. Look at more configurations, each shorter.")
    return f"{shown}, over {studies} studies."


EXERCISES = [
    Exercise(
        id="38.r1",
        title="Steps of a learning rate",
        name="which_step",
        check=choice(
            "a",
            "Twice is twice: what counts is the ratio.",
            {
                "b": "From 0.1 to 0.101 is the same difference, but only one percent.",
                "c": "Every update of Adam is proportional to the rate.",
            },
        ),
        hints=("Is it the difference that counts, or the ratio?",),
        solution='which_step = "a"',
        wrong=(
            WrongAnswer('which_step = "b"', "one percent"),
            WrongAnswer('which_step = "c"', "proportional"),
        ),
    ),
    Exercise(
        id="38.r2",
        title="Paired",
        name="judged_from",
        check=choice(
            "c",
            "What both seeds share cancels in each difference.",
            {
                "a": "Bars hold the spread that the two have in common as well.",
                "b": "The best seed says how lucky each of them was.",
            },
        ),
        hints=("What do A and B have in common when they share a seed?",),
        solution='judged_from = "c"',
        wrong=(
            WrongAnswer('judged_from = "a"', "in common"),
            WrongAnswer('judged_from = "b"', "lucky"),
        ),
    ),
    Exercise(
        id="38.r3",
        title="Killed without a word",
        name="killed_run",
        check=choice(
            "b",
            "Nobody was left to write anything else, until somebody comes and looks.",
            {
                "a": "Who would have written that? The process is gone.",
                "c": "No code of the process runs after SIGKILL, so none reports it.",
            },
        ),
        hints=("Which of its own lines can the process still run?",),
        solution='killed_run = "b"',
        wrong=(
            WrongAnswer('killed_run = "a"', "process is gone"),
            WrongAnswer('killed_run = "c"', "SIGKILL"),
        ),
    ),
    Exercise(
        id="38.1",
        title="Uniform on a logarithmic scale",
        name="log_uniform",
        check=check_log_uniform,
        hints=(
            "Draw uniform numbers between the two logarithms.",
            "Then undo the logarithm: np.exp for np.log, 10 ** for np.log10.",
        ),
        solution="""
def log_uniform(rng, low, high, size):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))
""",
        right=(
            "def log_uniform(rng, low, high, size):\n"
            "    return low * (high / low) ** rng.random(size)",
            "def log_uniform(rng, low, high, size):\n"
            "    return [10 ** rng.uniform(math.log10(low), math.log10(high))\n"
            "            for _ in range(size)]",
        ),
        wrong=(
            WrongAnswer(
                "def log_uniform(rng, low, high, size):\n"
                "    return rng.uniform(low, high, size)",
                "linear scale",
            ),
            WrongAnswer(
                "def log_uniform(rng, low, high, size):\n"
                "    return rng.uniform(np.log(low), np.log(high), size)",
                "take the exponential",
            ),
            WrongAnswer(
                "def log_uniform(rng, low, high, size):\n"
                "    return np.exp(rng.uniform(np.log10(low), np.log10(high), size))",
                "base of the logarithm",
            ),
            WrongAnswer(
                "def log_uniform(rng, low, high, size):\n"
                "    return np.logspace(np.log10(low), np.log10(high), 5)",
                "has shape",
            ),
            WrongAnswer(
                "def log_uniform(rng, low, high, size):\n"
                "    return rng.choice(np.geomspace(low, high, 50), size)",
                "draw each one anew",
            ),
            WrongAnswer(
                "def log_uniform(rng, low, high, size):\n"
                "    return low * (high / low) ** rng.random(size) ** 2",
                "geometric mean",
            ),
        ),
    ),
    Exercise(
        id="38.2",
        title="What halving pays for",
        name="anew",
        answer="(continued, anew)",
        check=check_halving_costs,
        hints=(
            "The rungs are 1, 3, 9, 27 and 81 epochs, with 81, 27, 9, 3 and 1 left.",
            "Anew: each rung costs 81. Continued: a rung costs what is new in it.",
        ),
        solution="continued, anew = 81 + 27 * 2 + 9 * 6 + 3 * 18 + 1 * 54, 5 * 81",
        right=("continued, anew = 297, 405", 'continued, anew = "297", "405"'),
        wrong=(
            WrongAnswer("continued, anew = 405, 405", "pays for two"),
            WrongAnswer("continued, anew = 297, 297", "first case"),
            WrongAnswer("continued, anew = 243, 405", "five rungs"),
            WrongAnswer("continued, anew = 297, 6561", "no halving"),
            WrongAnswer("continued, anew = 297, 100", "how many rungs"),
            WrongAnswer("continued, anew = 100, 405", "add them up"),
        ),
    ),
    Exercise(
        id="38.3",
        title="Five studies that disappointed",
        name="causes",
        check=check_causes,
        hints=(
            "For each: who chose the winner, on what, and at what price?",
            "D compares numbers of trials; a pruned trial costs less than a full one.",
        ),
        solution='causes = {"A": "linear range", "B": "one seed for all", '
        '"C": "best score reported", "D": "unequal budgets", '
        '"E": "tuned on the test set"}',
        wrong=(
            WrongAnswer(
                'causes = {"A": "one seed for all", "B": "linear range", '
                '"C": "best score reported", "D": "unequal budgets", '
                '"E": "tuned on the test set"}',
                "below 0.1",
            ),
            WrongAnswer(
                'causes = {"A": "linear range", "B": "best score reported", '
                '"C": "one seed for all", "D": "unequal budgets", '
                '"E": "tuned on the test set"}',
                "have in common",
            ),
            WrongAnswer(
                'causes = {"A": "linear range", "B": "one seed for all", '
                '"C": "tuned on the test set", "D": "unequal budgets", '
                '"E": "best score reported"}',
                "largest of 400",
            ),
        ),
    ),
    Exercise(
        id="38.4",
        title="A search of your own",
        name="search",
        check=check_search,
        hints=(
            "270 epochs are ten full trainings, or a first look at many settings.",
            "Look at 60 configurations for one epoch, and keep the best third, and so "
            "on: 60 + 20 × 2 + 6 × 6 + 2 × 18 epochs, and some are left.",
        ),
        solution="""
def search(train, count, epochs):
    kept = list(np.random.default_rng(0).choice(count, 70, replace=False))
    for upto in (1, 3, 9, 27):
        scores = {config: train(config, upto) for config in kept}
        kept = sorted(scores, key=scores.get, reverse=True)[: max(1, len(kept) // 3)]
    return max(scores, key=scores.get)
""",
        wrong=(
            WrongAnswer(
                "def search(train, count, epochs):\n"
                "    ten = np.random.default_rng(1).choice(count, 10, replace=False)\n"
                "    return max(ten, key=lambda config: train(config, 27))",
                "undecided",
            ),
            WrongAnswer(
                "def search(train, count, epochs):\n"
                "    return max(range(count), key=lambda config: train(config, 27))",
                "pays for more",
            ),
            WrongAnswer(
                "def search(train, count, epochs):\n"
                "    return min(range(count), key=lambda config: train(config, 1))",
                "worse",
            ),
            WrongAnswer(
                "def search(train, count, epochs):\n    return train(0, 27)",
                "whole number",
            ),
            WrongAnswer(
                "def search(train, count, epochs):\n    return train(0, 28)",
                "up to epoch 27",
            ),
        ),
    ),
]
