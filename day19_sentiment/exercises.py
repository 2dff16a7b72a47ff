"""Checks, hints and solutions of Day 19."""

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
    refuse_blank,
    word,
)

SETUP = "import numpy as np"


def check_how_many(answer):
    expect_number(
        answer,
        6,
        {
            9: "An apostrophe inside keeps a word whole: didn't is one word, not two.",
            5: "A slash is neither letter nor digit: it separates, 9 and 10 are two.",
            8: "Apostrophes do not separate, and the slash does: count once more.",
            7: "Punctuation is not a word: it separates words and is dropped.",
            4: "Digits count as letters do: 9 and 10 are words too.",
        },
        otherwise="Go through the text: a word is a run of letters and digits, with "
        "apostrophes allowed inside.",
    )
    return "i, didn't, couldn't, it's, 9 and 10."


def check_wall_threshold(answer):
    expect_number(
        answer,
        0.8,
        {
            0.2: "That is turned round: the costly mistake is to call it positive "
            "wrongly, so be careful with it.",
            0.5: "One half is right for equal costs only.",
            4.0: "A threshold on a probability lies in [0, 1]: divide by the sum.",
            0.25: "That is the ratio of the costs; divide one of them by their sum.",
            0.75: "That is 1 - 1/4; divide the false positive's cost by the sum.",
            5 / 6: "That is the threshold for costs of 5 and 1.",
        },
        otherwise="Set 4 (1 - t) equal to 1 · t and solve for t.",
    )
    return "From p = 0.8 on, quoting costs less on average than staying silent."


def check_temperature_slope(temperature_slope_np):
    rng = np.random.default_rng(19)
    z = rng.normal(0, 3, 40)
    y = (rng.random(40) < 0.5).astype(float)
    t = 1.7
    kept = z.copy(), y.copy()
    got = temperature_slope_np(z, y, t)
    z, y = kept
    error = 1 / (1 + np.exp(-z / t)) - y
    raw = 1 / (1 + np.exp(-z)) - y
    want = np.mean(error * -z / t**2)
    known = [
        (-want, "The sign: z/T falls when T grows, so its derivative is -z/T²."),
        (want * len(z), "That is the sum over the texts; the loss is their mean."),
        (np.mean(error * z), "That is the slope in 1/T; multiply by -1/T²."),
        (np.mean(error * z / t), "The derivative of z/T in T is -z/T², not z/T."),
        (np.mean(error * -z / t), "The derivative of 1/T is -1/T²: a T is missing."),
        (
            np.mean(error),
            "That is the mean of p - y; the chain rule's factor -z/T² is missing.",
        ),
        (
            np.mean(error) * np.mean(-z / t**2),
            "Multiply text by text, then take the mean: a mean of products is not the "
            "product of means.",
        ),
        (np.mean(raw * -z / t**2), "p is the sigmoid of z/T, not of z."),
        (error * -z / t**2, "One number is asked for: the mean over the texts."),
    ]
    expect_close(got, want, "the slope", known)
    return "Negative below the best temperature, positive above it, and 0 there."


_FAULTS = {
    "A": "numbers shifted",
    "B": "sigmoid twice",
    "C": "labels swapped",
    "D": "not lower-cased",
}


def check_diagnosis(answer):
    why = {
        "B": "B never gives less than 0.5, nor more than 0.73: which function maps "
        "[0, 1] to that range?",
        "D": "In D hardly a word is known any more. Which fault hides the words?",
        "C": "C's accuracy and the healthy one add up to 100 %: it knows the answer "
        "and says the opposite.",
        "A": "A knows its words and spreads its answers, yet it hardly beats guessing: "
        "it reads other words than the ones that were written.",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return "None of the four raises an error: only a measurement on known texts tells."


_COSTS = {"false positive": 5.0, "false negative": 1.0, "ask": 0.5}


def check_decide(decide):
    grid = np.arange(0.0005, 1, 0.001)  # no point falls on a boundary
    answers = [decide(float(p)) for p in grid]
    refuse_blank(answers)
    answers = [word(one) for one in answers]
    odd = [one for one in answers if one not in ("positive", "negative", "ask")]
    if odd:
        raise Wrong(f'Return "positive", "negative" or "ask", not {odd[0]!r}.')
    price = {
        "positive": _COSTS["false positive"] * (1 - grid),
        "negative": _COSTS["false negative"] * grid,
        "ask": np.full(len(grid), _COSTS["ask"]),
    }
    best = np.minimum.reduce(list(price.values())).mean()
    paid = float(np.mean([price[a][i] for i, a in enumerate(answers)]))
    used = set(answers)
    if used == {"ask"}:
        raise Wrong("Asking always costs 0.5 a text; some texts are clear.")
    if "ask" not in used:
        raise Wrong(
            f"You never ask; the mean cost is {paid:.3f}, with asking {best:.3f}."
        )
    if answers[0] == "positive" or answers[-1] == "negative":
        raise Wrong("A p near 0 speaks for negative, a p near 1 for positive.")
    if paid > best * 1.01:
        raise Wrong(
            f"The mean cost over all p is {paid:.4f}; {best:.4f} is possible. For each "
            "p compare three numbers: 5 (1 - p), p and 0.5."
        )
    return f"Mean cost {paid:.3f}. Between one half and 0.9 a person decides."


EXERCISES = [
    Exercise(
        id="19.r1",
        title="Recall: the gradient on one logit",
        name="recall_1",
        check=choice(
            "a",
            "Probability minus truth; section 5 divides it by the batch size.",
            {
                "b": "That is the sigmoid's slope; the logarithm cancels it.",
                "c": "The sign is turned: at y = 1 the gradient has to be negative.",
            },
        ),
        hints=(
            "The loss is log(1 + exp(z)) - y z.",
            "The derivative of log(1 + exp(z)) is the sigmoid.",
        ),
        solution='recall_1 = "a"',
        wrong=(
            WrongAnswer('recall_1 = "b"', "logarithm cancels"),
            WrongAnswer('recall_1 = "c"', "sign is turned"),
        ),
    ),
    Exercise(
        id="19.r2",
        title="Recall: what a mask is for",
        name="recall_2",
        check=choice(
            "b",
            "Skipped: the answer does not depend on how far a batch was filled up.",
            {
                "a": "Nothing predicts padding here: the output is one label.",
                "c": "A vector for padding would still enter every mean and state.",
            },
        ),
        hints=(
            "Should a text get another answer because its neighbour is longer?",
            "Padding carries no information, so the network should not see it.",
        ),
        solution='recall_2 = "b"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "one label"),
            WrongAnswer('recall_2 = "c"', "every mean"),
        ),
    ),
    Exercise(
        id="19.r3",
        title="Recall: dropout when predicting",
        name="recall_3",
        check=choice(
            "c",
            "Training scaled the surviving units up, so prediction needs nothing.",
            {
                "a": "Then the same text would get another answer each time.",
                "b": "The scaling is done in training, on the units that survive.",
            },
        ),
        hints=(
            "Would you serve a model whose answers change from call to call?",
            "Inverted dropout divides by the share kept, while training.",
        ),
        solution='recall_3 = "c"',
        wrong=(
            WrongAnswer('recall_3 = "a"', "another answer each time"),
            WrongAnswer('recall_3 = "b"', "done in training"),
        ),
    ),
    Exercise(
        id="19.1",
        title="Count the words",
        name="how_many",
        check=check_how_many,
        hints=(
            "Lower-case the text and mark every run of letters and digits.",
            "An apostrophe between letters does not end a run; a slash does.",
            "i · didn't · couldn't · it's · 9 · 10",
        ),
        solution="how_many = 6",
        wrong=(
            WrongAnswer("how_many = 9", "keeps a word whole"),
            WrongAnswer("how_many = 5", "slash is neither"),
            WrongAnswer("how_many = 8", "count once more"),
            WrongAnswer("how_many = 7", "Punctuation"),
            WrongAnswer("how_many = 4", "Digits count"),
            WrongAnswer("how_many = 20", "Go through the text"),
            WrongAnswer("how_many = 'six'", "A number is asked for"),
        ),
    ),
    Exercise(
        id="19.2",
        title="A threshold from costs",
        name="wall_threshold",
        check=check_wall_threshold,
        hints=(
            "At the threshold both answers cost the same on average.",
            "Positive costs 4 (1 - t), negative costs 1 · t.",
            "4 - 4t = t.",
        ),
        solution="wall_threshold = 4 / (4 + 1)",
        wrong=(
            WrongAnswer("wall_threshold = 0.2", "turned round"),
            WrongAnswer("wall_threshold = 0.5", "equal costs only"),
            WrongAnswer("wall_threshold = 4", "divide by the sum"),
            WrongAnswer("wall_threshold = 0.25", "ratio of the costs"),
            WrongAnswer("wall_threshold = 0.75", "1 - 1/4"),
            WrongAnswer("wall_threshold = 5 / 6", "costs of 5 and 1"),
            WrongAnswer("wall_threshold = 0.9", "solve for t"),
        ),
    ),
    Exercise(
        id="19.3",
        title="The slope in the temperature",
        name="temperature_slope_np",
        check=check_temperature_slope,
        hints=(
            "Write u = z / T. The loss depends on T through u alone.",
            "∂L/∂u = p - y with p = sigmoid(u), and ∂u/∂T = -z / T².",
            "np.mean((p - y) * -logits / temperature**2)",
        ),
        solution="""
def temperature_slope_np(logits, y, temperature):
    p = 1 / (1 + np.exp(-logits / temperature))
    return np.mean((p - y) * -logits / temperature**2)
""",
        wrong=tuple(
            WrongAnswer(
                "def temperature_slope_np(z, y, t):\n"
                "    p, raw = 1 / (1 + np.exp(-z / t)), 1 / (1 + np.exp(-z))\n"
                f"    {body}",
                reason,
            )
            for body, reason in (
                ("return np.mean((p - y) * z / t**2)", "The sign"),
                ("return np.sum((p - y) * -z / t**2)", "their mean"),
                ("return np.mean((p - y) * z)", "slope in 1/T"),
                ("return np.mean((p - y) * z / t)", "not z/T"),
                ("return np.mean((p - y) * -z / t)", "a T is missing"),
                ("return np.mean(p - y)", "chain rule's factor"),
                ("return np.mean(p - y) * np.mean(-z / t**2)", "product of means"),
                ("return np.mean((raw - y) * -z / t**2)", "sigmoid of z/T"),
                ("return (p - y) * -z / t**2", "One number"),
                ("z -= 1; return 0", "it should be"),
                ("p = 0", "return statement"),
            )
        ),
    ),
    Exercise(
        id="19.4",
        title="Four sick services",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Read the columns one by one: which row is the odd one out in each?",
            "The sigmoid of 0 is 0.5 and of 1 is 0.73; unknown words are counted.",
            "Swapped labels turn an accuracy a into 1 - a. One fault is left.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "sigmoid twice", "B": "labels swapped", '
                '"C": "not lower-cased", "D": "numbers shifted"}',
                "Look at B",
            ),
            WrongAnswer(
                'diagnosis = {"A": "not lower-cased", "B": "sigmoid twice", '
                '"C": "labels swapped", "D": "numbers shifted"}',
                "Look at D",
            ),
            WrongAnswer(
                'diagnosis = {"A": "labels swapped", "B": "sigmoid twice", '
                '"C": "numbers shifted", "D": "not lower-cased"}',
                "Look at C",
            ),
            WrongAnswer(
                'diagnosis = {"A": "sigmoid twice", "B": "sigmoid twice", '
                '"C": "labels swapped", "D": "not lower-cased"}',
                "Look at A",
            ),
            WrongAnswer(
                'diagnosis = dict.fromkeys("ABCD", "bad luck")', "not one of the faults"
            ),
            WrongAnswer('diagnosis = "sigmoid twice"', "dictionary"),
        ),
    ),
    Exercise(
        id="19.5",
        title="A model that asks",
        name="decide",
        check=check_decide,
        hints=(
            "Write down what each of the three answers costs on average, given p.",
            "positive: 5 (1 - p); negative: p; ask: 0.5. Take the smallest.",
            "Where does 5 (1 - p) fall below 0.5, and up to where is p below 0.5?",
        ),
        solution="""
def decide(p):
    costs = {"positive": 5 * (1 - p), "negative": p, "ask": 0.5}
    return min(costs, key=costs.get)
""",
        wrong=tuple(
            WrongAnswer(f"def decide(p):\n    {body}", reason)
            for body, reason in (
                ('return "ask"', "Asking always"),
                ('return "positive" if p >= 5 / 6 else "negative"', "You never ask"),
                ("return p >= 0.5", "not 'false'"),
                (
                    'return "ask" if 0.4 < p < 0.6 else '
                    '("negative" if p > 0.5 else "positive")',
                    "near 0 speaks for negative",
                ),
                (
                    'return "ask" if 0.4 < p < 0.6 else '
                    '("positive" if p > 0.5 else "negative")',
                    "compare three numbers",
                ),
                (
                    'return "ask" if 0.5 < p < 5 / 6 else '
                    '("positive" if p > 0.5 else "negative")',
                    "compare three numbers",
                ),
            )
        ),
    ),
]
