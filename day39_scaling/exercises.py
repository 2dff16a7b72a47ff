"""Checks, hints and solutions of Day 39."""

import numpy as np

from common.exercises import (
    Exercise,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
    expect_parts,
)

SETUP = """
import numpy as np

at_most = leader_ms = ...
"""


def check_amdahl(answer):
    with_six, at_most = expect_parts(answer, 2, "Two numbers: (with_six, at_most).")
    expect_number(
        with_six,
        1 / (0.15 + 0.85 / 6),
        {
            6.0: "That is the gain if everything could be divided.",
            1 / (0.85 + 0.15 / 6): "The 15 % stay whole; it is the 85 % that divide.",
            0.15 + 0.85 / 6: "That is the new time. The gain is the old time over it.",
            6 * 0.85: "Add the times of the two parts, then take the old over the new.",
        },
        otherwise="The new time is 0.15 + 0.85 / 6 of the old one.",
    )
    expect_number(
        at_most,
        1 / 0.15,
        {
            1 / 0.85: "With workers without end it is the 85 % that vanish.",
            6.0: "With more than six workers it can still grow.",
            0.15: "That is the time that stays. The gain is the old time over it.",
        },
        otherwise="Let the second part of the time go to zero: what remains of it?",
    )
    return "Six workers come half-way: each further one is worth less than the last."


def check_wire(answer):
    ring_ms, leader_ms = expect_parts(answer, 2, "Give two numbers: (ring, leader).")
    expect_number(
        ring_ms,
        140,
        {
            70: "That is the first half of the ring only; sums also travel back round.",
            80: "Pieces are an eighth, and each half of the ring has 7 steps, not 4.",
            160: "There are 7 steps in each half, not 8.",
            1120: "A worker sends one piece at a step, not its whole gradient.",
            560: "A worker sends one piece at a step, not its whole gradient.",
            0.14: "In milliseconds, please.",
            10: "That is one piece; how many steps are there?",
        },
        otherwise="A piece has 100 MB / 8, and is sent in each of 7 + 7 steps.",
    )
    expect_number(
        leader_ms,
        560,
        {
            640: "The leader has its own gradient already.",
            1120: "That counts what it sends back, too; asked is what it receives.",
            80: "That is one worker's gradient; how many arrive at the leader?",
            0.56: "In milliseconds, please.",
        },
        otherwise="Seven times 100 MB arrive at 1.25 GB a second.",
    )
    return "And it has yet to send seven answers; the ring is done."


def check_combined(combined):
    rng = np.random.default_rng(39)
    for counts, shape in (((10, 10, 2), (4,)), ((1, 200, 7, 5), (2, 3)), ((3,), (2,))):
        parts = [rng.normal(size=(n, *shape)) for n in counts]
        means = np.array([part.mean(0) for part in parts])
        sizes, want = np.array(counts), np.concatenate(parts).mean(0)
        expect_close(
            combined(means.copy(), sizes.copy()),
            want,
            "the mean gradient",
            [
                (
                    means.mean(0),
                    "That weighs all workers alike: one example in a small shard then "
                    "counts more than one in a large shard.",
                )
                if len(counts) > 1
                else (np.full(shape, np.nan), ""),
                (
                    means.sum(0),
                    "The means are added up, and never divided by anything.",
                ),
                (
                    np.tensordot(sizes, means, 1),
                    "That is the sum over all examples: divide by their number.",
                ),
                (
                    np.tensordot(sizes, means, 1) / len(counts),
                    "Divide by the number of examples, not of workers.",
                ),
            ],
        )
    return "Sending sums and counts and dividing once is the same, with less to forget."


def check_causes(answer):
    expect_causes(
        answer,
        {
            "A": "summed, not averaged",
            "B": "same shard for all",
            "C": "different first weights",
            "D": "unequal shards weighted alike",
            "E": "batch too small to divide",
        },
        {
            "A": "By what factor is the gradient wrong if a smaller rate repairs it?",
            "B": "How many different reviews did the four see together?",
            "C": "Equal gradients cannot make equal what was not equal before.",
            "D": "What is special about the last batch?",
            "E": "The losses are right, so nothing is wrong with the gradients.",
        },
        "causes",
    )
    return "Three of the five raise no error and no alarm: compare with one machine."


EXERCISES = [
    Exercise(
        id="39.r1",
        title="A larger batch",
        name="larger_batch",
        check=choice(
            "b",
            "A mean of four times as many examples: the root of four is two.",
            {
                "a": "That is its variance; the error is the root of it.",
                "c": "A mean of more examples is more exact.",
            },
        ),
        hints=("How does the standard error of a mean depend on the number?",),
        solution='larger_batch = "b"',
        wrong=(
            WrongAnswer('larger_batch = "a"', "variance"),
            WrongAnswer('larger_batch = "c"', "more exact"),
        ),
    ),
    Exercise(
        id="39.r2",
        title="Who waits for whom",
        name="closed_loop",
        check=choice(
            "a",
            "It sent nothing while it waited; a schedule would have.",
            {
                "b": "Whom did it not send while it waited?",
                "c": "A late answer is an answer.",
            },
        ),
        hints=("How many requests does it send during that second?",),
        solution='closed_loop = "a"',
        wrong=(
            WrongAnswer('closed_loop = "b"', "not send"),
            WrongAnswer('closed_loop = "c"', "late answer"),
        ),
    ),
    Exercise(
        id="39.r3",
        title="Killed in mid-trial",
        name="killed_trial",
        check=choice(
            "c",
            "Others see the silence and put the configuration back.",
            {
                "a": "It runs no line of code any more.",
                "b": "That would cost twice the budget.",
            },
        ),
        hints=("What can a process do that has been killed with SIGKILL?",),
        solution='killed_trial = "c"',
        wrong=(
            WrongAnswer('killed_trial = "a"', "no line of code"),
            WrongAnswer('killed_trial = "b"', "twice the budget"),
        ),
    ),
    Exercise(
        id="39.1",
        title="Amdahl's limit",
        name="with_six",
        answer="(with_six, at_most)",
        check=check_amdahl,
        hints=(
            "Of the time 1, 0.15 stays; 0.85 is divided by the number of workers.",
            "The gain is 1 over the new time. With many workers only 0.15 is left.",
        ),
        solution="with_six, at_most = 1 / (0.15 + 0.85 / 6), 1 / 0.15",
        right=(
            "with_six, at_most = 3.4, 6.7",
            'with_six, at_most = "3.43", "6.667"',
        ),
        wrong=(
            WrongAnswer("with_six, at_most = 6, 6.67", "everything could be divided"),
            WrongAnswer("with_six, at_most = 1.14, 6.67", "85 % that divide"),
            WrongAnswer("with_six, at_most = 0.2917, 6.67", "the new time"),
            WrongAnswer("with_six, at_most = 5.1, 6.67", "Add the times"),
            WrongAnswer("with_six, at_most = 2, 6.67", "of the old one"),
            WrongAnswer("with_six, at_most = 3.43, 1.18", "that vanish"),
            WrongAnswer("with_six, at_most = 3.43, 6", "still grow"),
            WrongAnswer("with_six, at_most = 3.43, 100", "go to zero"),
        ),
    ),
    Exercise(
        id="39.2",
        title="What the wires carry",
        name="ring_ms",
        answer="(ring_ms, leader_ms)",
        check=check_wire,
        hints=(
            "A piece is an eighth of the gradient; 12.5 MB take 10 ms.",
            "Each half of the ring has one step less than there are workers.",
        ),
        solution="ring_ms, leader_ms = 14 * 10, 7 * 80",
        right=('ring_ms, leader_ms = "140", "560"', "ring_ms, leader_ms = 140.0, 560"),
        wrong=(
            WrongAnswer("ring_ms, leader_ms = 70, 560", "first half"),
            WrongAnswer("ring_ms, leader_ms = 160, 560", "not 8"),
            WrongAnswer("ring_ms, leader_ms = 0.14, 0.56", "milliseconds"),
            WrongAnswer("ring_ms, leader_ms = 560, 560", "one piece at a step"),
            WrongAnswer("ring_ms, leader_ms = 140, 640", "its own gradient"),
            WrongAnswer("ring_ms, leader_ms = 140, 1120", "sends back"),
            WrongAnswer("ring_ms, leader_ms = 140, 80", "how many arrive"),
            WrongAnswer("ring_ms, leader_ms = 33, 560", "7 + 7 steps"),
            WrongAnswer("ring_ms, leader_ms = 140, 33", "Seven times"),
        ),
    ),
    Exercise(
        id="39.3",
        title="Shards of different sizes",
        name="combined",
        check=check_combined,
        hints=(
            "A mean times its count is a sum. Sums may be added.",
            "Divide the sum of all by the number of all examples.",
        ),
        solution="""
def combined(means, counts):
    return np.tensordot(counts, means, 1) / np.sum(counts)
""",
        right=(
            "def combined(means, counts):\n"
            "    return np.average(means, axis=0, weights=counts)",
            "def combined(means, counts):\n"
            "    return sum(n * m for n, m in zip(counts, means)) / sum(counts)",
        ),
        wrong=(
            WrongAnswer(
                "def combined(means, counts):\n    return np.mean(means, axis=0)",
                "weighs all workers alike",
            ),
            WrongAnswer(
                "def combined(means, counts):\n    return np.sum(means, axis=0)",
                "never divided",
            ),
            WrongAnswer(
                "def combined(means, counts):\n"
                "    return np.tensordot(counts, means, 1)",
                "divide by their number",
            ),
            WrongAnswer(
                "def combined(means, counts):\n"
                "    return np.tensordot(counts, means, 1) / len(counts)",
                "not of workers",
            ),
        ),
    ),
    Exercise(
        id="39.4",
        title="Five trainings, five faults",
        name="causes",
        check=check_causes,
        hints=(
            "For each: are the gradients right, the weights, the data, the times?",
            "A rate of a quarter repairs a gradient that is four times too large.",
        ),
        solution='causes = {"A": "summed, not averaged", "B": "same shard for all", '
        '"C": "different first weights", "D": "unequal shards weighted alike", '
        '"E": "batch too small to divide"}',
        wrong=(
            WrongAnswer(
                'causes = {"A": "unequal shards weighted alike", '
                '"B": "same shard for all", "C": "different first weights", '
                '"D": "summed, not averaged", "E": "batch too small to divide"}',
                "smaller rate",
            ),
            WrongAnswer(
                'causes = {"A": "summed, not averaged", '
                '"B": "different first weights", "C": "same shard for all", '
                '"D": "unequal shards weighted alike", '
                '"E": "batch too small to divide"}',
                "How many different reviews",
            ),
            WrongAnswer(
                'causes = {"A": "summed, not averaged", "B": "same shard for all", '
                '"C": "different first weights", "D": "batch too small to divide", '
                '"E": "unequal shards weighted alike"}',
                "last batch",
            ),
        ),
    ),
]
