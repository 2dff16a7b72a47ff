"""Checks, hints and solutions of Day 24."""

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
    expect_parts,
)

SETUP = """
import numpy as np
"""


def check_utilisation(answer):
    expect_number(
        answer,
        0.4,
        {
            1.2: "That is the work that arrives in a second. How many cores share it?",
            400.0: "Milliseconds and seconds are mixed: 8 ms are 0.008 s.",
            1200.0: "Milliseconds and seconds are mixed, and three cores share it.",
            0.6: "Those are two cores; here there are three.",
            40.0: "As a fraction, please: 40 would be forty times what is there.",
            3.6: "More cores make each less busy: divide by them.",
            2.5: "That is the cores' time over the work; turn it round.",
        },
        otherwise="Rate times mean service time, in seconds, divided by the cores.",
    )
    return "Three cores for 1.2 seconds of work a second."


def check_rate(answer):
    expect_number(
        answer,
        300,
        {
            375: "At that rate all three would be busy all the time.",
            100: "That is what one core can take; there are three.",
            0.3: "Milliseconds and seconds are mixed: a request takes 0.008 s.",
            120: "That is 80 % of today's rate. Which rate makes them 80 % busy?",
            200: "Those are two cores; here there are three.",
        },
        otherwise="Solve rate × 0.008 s ÷ 3 = 0.8 for the rate.",
    )
    return "Beyond it the queue grows fast, long before it grows without end."


def check_softmax_slope(softmax_slope_np):
    rng = np.random.default_rng(24)
    for shape, temperature in (((5, 3), 2.0), ((1, 5), 8.0), ((7, 2), 1.0)):
        z, v = rng.normal(scale=3, size=(2, *shape))
        p, q = _softmax(z / temperature), _softmax(v / temperature)
        want = temperature * (p - q)
        known = [
            (-want, "The sign is turned round: student minus teacher."),
            (want / len(z), "The slope of each text is asked for, not of their mean.")
            if len(z) > 1
            else (np.full(shape, np.nan), ""),
        ]
        if temperature != 1:
            known += [
                (
                    (p - q) / temperature,
                    "T² is missing: that is the slope of the cross-entropy alone.",
                ),
                (
                    temperature**2 * (p - q),
                    "One 1/T is missing: z is divided by T before the softmax.",
                ),
                (p - q, "T² times 1/T is not 1: count the factors again."),
                (
                    temperature * (_softmax(z) - _softmax(v)),
                    "The logits have to be divided by T before the softmax.",
                ),
                (
                    temperature * (p - _softmax(v)),
                    "The teacher's logits have to be softened as well.",
                ),
            ]
        expect_close(
            softmax_slope_np(z.copy(), v.copy(), temperature), want, "the slope", known
        )
    with np.errstate(all="ignore"):
        large = np.array([[2_000.0, 0.0, -2_000.0]])
        found = np.asarray(softmax_slope_np(large, large[:, ::-1].copy(), 1.0), float)
    if not np.isfinite(found).all():
        raise Wrong("Logits of 2,000 overflow: subtract each row's largest before exp.")
    return "For two classes the second column is section 5's formula."


def _softmax(z):
    grown = np.exp(z - z.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def check_quantise_rows(quantise_rows_np):
    rng = np.random.default_rng(8)
    values = rng.normal(size=(5, 7)) * np.array([[0.01], [1], [30], [1], [5]])
    values[3] = 0
    for case in (values, values[:1], values[:, :1]):
        got = expect_parts(
            quantise_rows_np(case.copy()), 2, "Return two arrays: (numbers, scales)."
        )
        numbers, scales = (np.asarray(part, float) for part in got)
        largest = np.abs(case).max(axis=1, keepdims=True)
        want = np.where(largest > 0, largest / 127, 1.0)
        if not np.isfinite(scales).all() or not np.isfinite(numbers).all():
            raise Wrong("A row of zeros has the scale 1, else 0 is divided by 0.")
        one = np.full_like(want, np.abs(case).max() / 127)
        if scales.size == 1 and len(case) > 1:
            raise Wrong("That is one scale for the whole matrix: one for each row.")
        if scales.size == case.shape[1] != len(case):
            raise Wrong("That is a scale for each column: one for each row.")
        if scales.size != len(case):
            raise Wrong(f"The scales should have the shape ({len(case)}, 1).")
        expect_close(
            scales.reshape(want.shape),
            want,
            "the scales",
            [
                (largest / 127, "The scale of a row of zeros is 1."),
                (one, "That is one scale for the whole matrix: one for each row."),
                (
                    np.where(largest > 0, largest / 128, 1.0),
                    "128 does not fit: the whole numbers go from -127 to 127.",
                ),
                (
                    np.where(largest > 0, case.max(axis=1, keepdims=True) / 127, 1.0),
                    "Negative weights can be the largest in amount.",
                ),
                (np.where(largest > 0, 1 / want, 1.0), "Turn the scale round."),
            ],
        )
        expect_close(
            numbers,
            np.round(case / want),
            "the whole numbers",
            [
                (np.trunc(case / want), "Round to the nearest, do not cut off."),
                (np.floor(case / want), "Round to the nearest, do not cut off."),
                (case / want, "Whole numbers are asked for: round them."),
                (np.round(case / want) * want, "Return the numbers before the scale."),
            ],
        )
    return "No row suffers from another one's large weight any more."


def check_diagnosis(answer):
    expect_causes(
        answer,
        {"A": "unpaired", "B": "own texts", "C": "no square", "D": "numbers only"},
        {
            "A": "Both intervals are of the same difference. Why is one wider?",
            "B": "Which reviews does a network know better than all others?",
            "C": "By what factor do the two differ, and what is 8 squared?",
            "D": "What has to happen to a user's text before a network can begin?",
        },
        "faults",
    )
    return "None raises an error, and each makes a report look better or worse."


EXERCISES = [
    Exercise(
        id="24.r1",
        title="What a temperature changes",
        name="recall_1",
        check=choice(
            "b",
            "The sign of a logit stays, so the label at one half stays.",
            {
                "a": "The sign of a logit does not change, so neither does the label.",
                "c": "Dividing all by the same positive number keeps their order.",
            },
        ),
        hints=("Which logits lie at a probability of one half?",),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "sign of a logit does not change"),
            WrongAnswer('recall_1 = "c"', "keeps their order"),
        ),
    ),
    Exercise(
        id="24.r2",
        title="The slope of softmax and cross-entropy",
        name="recall_2",
        check=choice(
            "a",
            "Prediction minus target, and it holds for soft targets, too.",
            {
                "b": "That is the slope in the probability p, not in the logit z.",
                "c": "Raising the logit of a class that is predicted too often costs.",
            },
        ),
        hints=("With a target of 1 for one class it is Day 1's formula.",),
        solution='recall_2 = "a"',
        wrong=(
            WrongAnswer('recall_2 = "b"', "slope in the probability"),
            WrongAnswer('recall_2 = "c"', "predicted too often costs"),
        ),
    ),
    Exercise(
        id="24.r3",
        title="What a longer text costs attention",
        name="recall_3",
        check=choice(
            "b",
            "Each place looks at each: T × T weights.",
            {
                "a": "Rows and columns both become longer.",
                "c": "The parameters stay; the weights of attention are computed anew.",
            },
        ),
        hints=("Every place has a weight for every place.",),
        solution='recall_3 = "b"',
        wrong=(
            WrongAnswer('recall_3 = "a"', "Rows and columns both"),
            WrongAnswer('recall_3 = "c"', "The parameters stay"),
        ),
    ),
    Exercise(
        id="24.1",
        title="How busy three cores are",
        name="utilisation",
        check=check_utilisation,
        hints=(
            "How many seconds of work arrive in one second?",
            "150 × 0.008 s of work, for three cores.",
        ),
        solution="utilisation = 150 * 0.008 / 3",
        wrong=(
            WrongAnswer("utilisation = 150 * 0.008", "How many cores share it?"),
            WrongAnswer("utilisation = 150 * 8 / 3", "8 ms are 0.008 s"),
            WrongAnswer("utilisation = 0.6", "Those are two cores"),
        ),
        right=('utilisation = "40 %"', "utilisation = 2 / 5"),
    ),
    Exercise(
        id="24.2",
        title="The highest rate below 80 %",
        name="highest_rate",
        check=check_rate,
        hints=(
            "Turn the formula of the utilisation round.",
            "rate = 0.8 × 3 / 0.008.",
        ),
        solution="highest_rate = 0.8 * 3 / 0.008",
        wrong=(
            WrongAnswer("highest_rate = 3 / 0.008", "busy all the time"),
            WrongAnswer("highest_rate = 0.8 / 0.008", "what one core can take"),
            WrongAnswer("highest_rate = 0.8 * 150", "80 % of today's rate"),
        ),
    ),
    Exercise(
        id="24.3",
        title="Distillation with many classes",
        name="softmax_slope_np",
        check=check_softmax_slope,
        hints=(
            "Recall question 24.r2, with z / T in the place of z.",
            "The chain rule brings 1/T, the loss brings T².",
            "T times (softmax(z / T) − softmax(v / T)).",
        ),
        solution=(
            "def softmax_slope_np(z, v, temperature):\n"
            "    def softened(logits):\n"
            "        logits = logits / temperature\n"
            "        grown = np.exp(logits - logits.max(axis=1, keepdims=True))\n"
            "        return grown / grown.sum(axis=1, keepdims=True)\n"
            "\n"
            "    return temperature * (softened(z) - softened(v))"
        ),
        wrong=(
            WrongAnswer(
                "def softmax_slope_np(z, v, temperature):\n"
                "    def soft(x):\n"
                "        x = np.exp(x / temperature)\n"
                "        return x / x.sum(axis=1, keepdims=True)\n"
                "    return (soft(z) - soft(v)) / temperature",
                "T² is missing",
            ),
            WrongAnswer(
                "def softmax_slope_np(z, v, temperature):\n"
                "    def soft(x):\n"
                "        x = np.exp(x / temperature)\n"
                "        return x / x.sum(axis=1, keepdims=True)\n"
                "    return temperature**2 * (soft(z) - soft(v))",
                "One 1/T is missing",
            ),
            WrongAnswer(
                "def softmax_slope_np(z, v, temperature):\n"
                "    def soft(x):\n"
                "        x = np.exp(x / temperature)\n"
                "        return x / x.sum(axis=1, keepdims=True)\n"
                "    return temperature * (soft(v) - soft(z))",
                "The sign is turned round",
            ),
            WrongAnswer(
                "def softmax_slope_np(z, v, temperature):\n"
                "    def soft(x):\n"
                "        x = np.exp(x / temperature)\n"
                "        return x / x.sum(axis=1, keepdims=True)\n"
                "    return temperature * (soft(z) - soft(v))",
                "subtract each row's largest",
            ),
        ),
    ),
    Exercise(
        id="24.4",
        title="A scale for each row",
        name="quantise_rows_np",
        check=check_quantise_rows,
        hints=(
            "np.abs(values).max(axis=1, keepdims=True) is the largest of each row.",
            "Divide it by 127, and put 1 where it is 0, before you divide by it.",
        ),
        solution=(
            "def quantise_rows_np(values):\n"
            "    scales = np.abs(values).max(axis=1, keepdims=True) / 127\n"
            "    scales = np.where(scales > 0, scales, 1.0)\n"
            "    return np.round(values / scales), scales"
        ),
        wrong=(
            WrongAnswer(
                "def quantise_rows_np(values):\n"
                "    scale = np.abs(values).max() / 127\n"
                "    return np.round(values / scale), scale",
                "one scale for the whole matrix",
            ),
            WrongAnswer(
                "def quantise_rows_np(values):\n"
                "    scales = np.abs(values).max(axis=1, keepdims=True) / 127\n"
                "    with np.errstate(all='ignore'):\n"
                "        return np.round(values / scales), scales",
                "A row of zeros has the scale 1",
            ),
            WrongAnswer(
                "def quantise_rows_np(values):\n"
                "    scales = np.abs(values).max(axis=1, keepdims=True) / 127\n"
                "    scales = np.where(scales > 0, scales, 1.0)\n"
                "    return np.trunc(values / scales), scales",
                "Round to the nearest",
            ),
            WrongAnswer(
                "def quantise_rows_np(values):\n"
                "    scales = np.abs(values).max(axis=0, keepdims=True) / 127\n"
                "    scales = np.where(scales > 0, scales, 1.0)\n"
                "    return np.round(values / scales), scales",
                "a scale for each column",
            ),
        ),
    ),
    Exercise(
        id="24.5",
        title="Four reports, four faults",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "A share that is too high, a time that is too short: what was easy there?",
            "C: divide the two numbers.",
        ),
        solution=(
            'diagnosis = {"A": "unpaired", "B": "own texts", "C": "no square", '
            '"D": "numbers only"}'
        ),
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "numbers only", "B": "own texts", "C": "no square", '
                '"D": "unpaired"}',
                "Why is one wider?",
            ),
            WrongAnswer(
                'diagnosis = {"A": "unpaired", "B": "no square", "C": "own texts", '
                '"D": "numbers only"}',
                "know better than all others",
            ),
            WrongAnswer(
                'diagnosis = {"A": "unpaired"}',
                "dictionary that has the keys",
            ),
        ),
    ),
]
