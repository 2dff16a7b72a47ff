"""Checks, hints and solutions of Day 16."""

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

SETUP = "import numpy as np"


def check_left_after_50(answer):
    expect_number(
        answer,
        0.9**50,
        {
            0.9 * 50: "A factor for every step is multiplied, not added: a power.",
            0.9 / 50: "Each step multiplies by 0.9; nothing is divided by 50.",
            1 - 0.9**50: "That is what is lost; what is left?",
            0.9**49: "That is 49 steps.",
            0.9**51: "That is 51 steps.",
            1 / 0.9**50: "Turned round: a scale below 1 shortens.",
            0.1**50: "What is kept in a step is 0.9, not 0.1.",
        },
        digits=1,
        otherwise="50 steps, each multiplies the length by 0.9.",
    )
    return "About half a percent. And 0.9 did not look small."


def check_clip(clip_np):
    rng = np.random.default_rng(16)
    big = [rng.normal(size=(3, 2)) * 4, rng.normal(size=4)]
    small = [array / 100 for array in big]
    kept = [array.copy() for array in big]
    norm = np.sqrt(sum((array**2).sum() for array in big))
    limit = 2.5
    message = "Return a list with one array for every array that was given."
    got = expect_parts(clip_np([a.copy() for a in big], limit), 2, message)
    want = [array * limit / norm for array in kept]
    each = [a * min(1, limit / np.linalg.norm(a)) for a in kept]
    for i, what in enumerate(("the first array", "the second array")):
        known = [
            (each[i], "Each array was clipped alone; that changes the direction of "
             "the whole. One length over all arrays is asked for."),
            (np.clip(kept[i], -limit, limit), "That clips entry by entry, which "
             "changes the direction. Multiply all entries by one factor."),
            (kept[i] / norm, "The length is 1 now; it should be the limit."),
            (kept[i], "This gradient is longer than the limit and was not shortened."),
            (kept[i] * limit / norm**2, "Divide by the length, not by its square: "
             "take the root of the sum of squares."),
            (kept[i] * limit / sum(np.linalg.norm(a) for a in kept), "The length of "
             "the whole is the root of the sum of squares, not a sum of lengths."),
        ]  # fmt: skip
        expect_close(got[i], want[i], what, known)
    got = expect_parts(clip_np([a.copy() for a in small], limit), 2, message)
    size = np.sqrt(sum((array**2).sum() for array in small))
    for i, what in enumerate(("the first array", "the second array")):
        known = [(small[i] * limit / size, "A gradient that is shorter than the limit "
                  "stays as it is; yours was made longer.")]  # fmt: skip
        expect_close(got[i], small[i], what, known)
    zeros = expect_parts(clip_np([np.zeros(2), np.zeros(3)], limit), 2, message)
    for array in zeros:
        if not np.isfinite(np.asarray(array, dtype=float)).all():
            raise Wrong("A gradient of zeros became nan: do not divide 0 by 0.")
    return "One factor for all arrays: shorter, in the same direction."


def check_gradient_on_b(answer):
    expect_number(
        answer,
        0.8208,
        {
            0.36: "That is the last step's share alone. b is used at the first step "
            "too, and h₁ reaches the loss through h₂.",
            0.4608: "That is the first step's share alone; add the last step's.",
            1.08: "D on h₁ is 0.72, but it still has to pass the first tanh: "
            "times 1 - h₁².",
            3.0: "The slopes of tanh are missing: times 1 - h² at each step.",
            0.5904: "Going from a₂ to h₁ multiplies by the recurrent weight, 2.",
            0.4104: "The two steps' shares are added, not averaged.",
            1.0: "On its way from h₂ to b the gradient passes tanh: times 1 - h₂².",
            0.64: "The slope of tanh is 1 - h², with h₂ = 0.8 at the last step.",
            0.56: "The slopes are 1 - h², not 1 - h.",
        },
        otherwise="D_a₂ = 1 - h₂²; D_h₁ = 2 D_a₂; D_a₁ = D_h₁ (1 - h₁²); b collects "
        "both D_a.",
    )
    return "0.36 from the last step, and more than that from the first: 0.46."


def check_perplexity(perplexity_of):
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(5), size=12)
    following, words = rng.integers(0, 5, 12), 3
    kept = p.copy(), following.copy()
    got = perplexity_of(p.copy(), following.copy(), words)
    p, following = kept
    came = p[np.arange(12), following]
    each = np.exp(-np.mean(np.log(came)))
    want = np.exp(-np.sum(np.log(came)) / words)
    known = [
        (each, "That is the perplexity of a character. Spread the whole sum of -log p "
         "over the words."),
        (each * 12 / words, "A word of 4 characters is a chain of 4 choices, and these "
         "multiply: the number of characters a word is a power, not a factor."),
        (1 / want, "The sign: -log p."),
        (-np.sum(np.log(came)) / words, "That is the cross-entropy of a word; take its "
         "exponential."),
        (np.exp(-np.sum(np.log(came))), "That is the perplexity of the whole text: "
         "divide the sum by the number of words."),
        (2 ** (-np.sum(np.log(came)) / words), "A power of 2 belongs to a logarithm to "
         "base 2; np.log goes with np.exp."),
        (each ** (words / 12), "The power turned round: there are more characters than "
         "words, so a word is harder than a character."),
        (1 / came, "One number is asked for."),
    ]  # fmt: skip
    expect_close(got, want, "the perplexity of a word", known)
    even = perplexity_of(np.full((6, 4), 0.25), np.array([0, 1, 3, 2, 2, 0]), 2)
    expect_close(even, 64.0, "the perplexity of words of three even characters")
    return "Three even choices among 4 make a word: 4 · 4 · 4 = 64."


_FAULTS = {
    "A": "read backwards",
    "B": "no mask",
    "C": "state leaks",
    "D": "loop cut",
}
_WHY = {
    "no mask": "gives another answer as soon as fillers are appended: who reads them?",
    "state leaks": "gives another answer after another text: what did it keep?",
    "loop cut": "does not care in which order the words stand: what gives a "
    "recurrent layer its sense of order?",
    "read backwards": "depends neither on its neighbours nor on fillers, and it "
    "notices the order. Which fault would none of these three changes give away?",
}


def check_diagnosis(answer):
    order = sorted(_FAULTS, key=lambda one: list(_WHY).index(_FAULTS[one]))
    why = {one: f"{one} {_WHY[_FAULTS[one]]}" for one in order}
    expect_causes(answer, _FAULTS, why, "faults")
    return "Three of the four are proved by a change that must not matter."


EXERCISES = [
    Exercise(
        id="16.r1",
        title="Recall: ten halvings",
        name="ten_halvings",
        check=choice(
            "c",
            "Two to the tenth is 1,024. Today the layers are words, and there are "
            "hundreds.",
            {
                "a": "Each layer halves what the one after it left: factors multiply.",
                "b": "Ten times two would add the factors; they multiply.",
            },
        ),
        hints=("Half of a half of a half …", "2 · 2 · 2 …, ten factors."),
        solution='ten_halvings = "c"',
        wrong=(
            WrongAnswer('ten_halvings = "a"', "factors multiply"),
            WrongAnswer('ten_halvings = "b"', "they multiply"),
        ),
    ),
    Exercise(
        id="16.r2",
        title="Recall: a shared kernel",
        name="shared_kernel",
        check=choice(
            "b",
            "Every use adds its share. Today a weight is shared over time.",
            {
                "a": "Each place changes the loss, not the strongest alone.",
                "c": "There is one kernel, so it has one gradient.",
            },
        ),
        hints=(
            "The loss depends on a shared weight through every place where it is used.",
            "What does the chain rule do with several roads?",
        ),
        solution='shared_kernel = "b"',
        wrong=(
            WrongAnswer('shared_kernel = "a"', "not the strongest"),
            WrongAnswer('shared_kernel = "c"', "one kernel"),
        ),
    ),
    Exercise(
        id="16.r3",
        title="Recall: the slope of tanh",
        name="slope_at_zero",
        check=choice(
            "c",
            "1 - tanh(0)² = 1, and less everywhere else.",
            {
                "a": "That is the sigmoid's slope at 0.",
                "b": "The slope is 1 - tanh²; tanh(0) is 0.",
            },
        ),
        hints=("The slope is 1 - tanh².", "tanh(0) = 0."),
        solution='slope_at_zero = "c"',
        wrong=(
            WrongAnswer('slope_at_zero = "a"', "sigmoid's slope"),
            WrongAnswer('slope_at_zero = "b"', "tanh(0) is 0"),
        ),
    ),
    Exercise(
        id="16.1",
        title="Fifty steps at 0.9",
        name="left_after_50",
        check=check_left_after_50,
        hints=(
            "After one step 0.9 is left, after two 0.9 · 0.9.",
            "A power with 50 factors.",
            "0.9 ** 50",
        ),
        solution="left_after_50 = 0.9**50",
        wrong=(
            WrongAnswer("left_after_50 = 45", "a power"),
            WrongAnswer("left_after_50 = 0.9 / 50", "nothing is divided"),
            WrongAnswer("left_after_50 = 1 - 0.9**50", "what is lost"),
            WrongAnswer("left_after_50 = 0.9**49", "49 steps"),
            WrongAnswer("left_after_50 = 0.9**51", "51 steps"),
            WrongAnswer("left_after_50 = 0.9**-50", "Turned round"),
            WrongAnswer("left_after_50 = 0.1**50", "kept in a step"),
            WrongAnswer("left_after_50 = 0.3", "each multiplies"),
            WrongAnswer("left_after_50 = 'little'", "A number is asked for"),
        ),
    ),
    Exercise(
        id="16.2",
        title="Clip by the global norm",
        name="clip_np",
        check=check_clip,
        hints=(
            "First the length of everything: the root of the sum of all squares, over "
            "all arrays.",
            "One factor for all arrays: limit / length, but never above 1.",
            "limit / max(length, limit) is such a factor, and it divides by no zero.",
        ),
        solution="""
def clip_np(gradients, limit):
    length = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * limit / max(length, limit) for g in gradients]
""",
        wrong=tuple(
            WrongAnswer(
                "def clip_np(gs, c):\n"
                "    n = np.sqrt(sum((g**2).sum() for g in gs))\n"
                f"    {body}",
                reason,
            )
            for body, reason in (
                (
                    "return [g * min(1, c / np.linalg.norm(g)) for g in gs]",
                    "clipped alone",
                ),
                ("return [np.clip(g, -c, c) for g in gs]", "entry by entry"),
                ("return [g / n for g in gs]", "should be the limit"),
                ("return gs", "was not shortened"),
                ("return [g * min(1, c / n**2) for g in gs]", "not by its square"),
                (
                    "return [g * c / max(c, sum(np.linalg.norm(a) for a in gs)) "
                    "for g in gs]",
                    "sum of lengths",
                ),
                ("return [g * c / n for g in gs]", "made longer"),
                (
                    "return [g if 0 < n < c else np.full(g.shape, np.nan) if n == 0 "
                    "else g * c / n for g in gs]",
                    "became nan",
                ),
                ("return n", "one array for every"),
            )
        ),
    ),
    Exercise(
        id="16.3",
        title="Two steps back by hand",
        name="gradient_on_b",
        check=check_gradient_on_b,
        hints=(
            "b is used at both steps, so its gradient is D_a₂ + D_a₁.",
            "D_a₂ = 1 · (1 - 0.8²) = 0.36, and D_h₁ = 2 · D_a₂.",
            "D_a₁ = D_h₁ · (1 - 0.6²). Add the two.",
        ),
        solution="gradient_on_b = 0.36 + 2 * 0.36 * (1 - 0.6**2)",
        wrong=(
            WrongAnswer("gradient_on_b = 0.36", "last step's share alone"),
            WrongAnswer("gradient_on_b = 0.4608", "first step's share alone"),
            WrongAnswer("gradient_on_b = 1.08", "pass the first tanh"),
            WrongAnswer("gradient_on_b = 3", "slopes of tanh are missing"),
            WrongAnswer("gradient_on_b = 0.5904", "recurrent weight"),
            WrongAnswer("gradient_on_b = 0.4104", "not averaged"),
            WrongAnswer("gradient_on_b = 1", "passes tanh"),
            WrongAnswer("gradient_on_b = 0.64", "slope of tanh"),
            WrongAnswer("gradient_on_b = 0.56", "not 1 - h"),
            WrongAnswer("gradient_on_b = 0.9", "b collects both"),
        ),
    ),
    Exercise(
        id="16.4",
        title="Perplexity of a word",
        name="perplexity_of",
        check=check_perplexity,
        hints=(
            "The probability of a word is the product of those of its characters.",
            "Add up -log p of what came, and divide by the number of words.",
            "The exponential of that.",
        ),
        solution="""
def perplexity_of(p, following, words):
    came = p[np.arange(len(following)), following]
    return np.exp(-np.sum(np.log(came)) / words)
""",
        right=(
            "def perplexity_of(p, following, words):\n"
            "    came = [row[k] for row, k in zip(p, following)]\n"
            "    return np.prod(came) ** (-1 / words)",
        ),
        wrong=tuple(
            WrongAnswer(
                "def perplexity_of(p, following, words):\n"
                "    came = p[np.arange(len(following)), following]\n"
                f"    {body}",
                reason,
            )
            for body, reason in (
                ("return np.exp(-np.mean(np.log(came)))", "of a character"),
                (
                    "return np.exp(-np.mean(np.log(came))) * len(p) / words",
                    "not a factor",
                ),
                ("return np.exp(np.sum(np.log(came)) / words)", "The sign"),
                ("return -np.sum(np.log(came)) / words", "take its exponential"),
                ("return np.exp(-np.sum(np.log(came)))", "the whole text"),
                ("return 2 ** (-np.sum(np.log(came)) / words)", "power of 2"),
                (
                    "return np.exp(-np.mean(np.log(came))) ** (words / len(p))",
                    "turned round",
                ),
                ("return 1 / came", "One number"),
                ("came = 0", "return statement"),
            )
        ),
    ),
    Exercise(
        id="16.5",
        title="Four sick readers",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Which of the three changes must not change a healthy answer at all?",
            "Fillers and the text before must not matter; the order should.",
            "A zero under “shuffled” is as telling as a number under the other two.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            *(
                WrongAnswer(
                    f"diagnosis = {dict(zip('ABCD', other, strict=True))!r}",
                    f"Look at {letter}",
                )
                for letter, other in (
                    (
                        "B",
                        ("no mask", "read backwards", "state leaks", "loop cut"),
                    ),
                    (
                        "C",
                        ("state leaks", "no mask", "read backwards", "loop cut"),
                    ),
                    (
                        "D",
                        ("loop cut", "no mask", "state leaks", "read backwards"),
                    ),
                    (
                        "A",
                        ("no mask", "no mask", "state leaks", "loop cut"),
                    ),
                )
            ),
            WrongAnswer(
                'diagnosis = dict.fromkeys("ABCD", "bad luck")', "not one of the faults"
            ),
            WrongAnswer('diagnosis = "no mask"', "dictionary"),
        ),
    ),
]
