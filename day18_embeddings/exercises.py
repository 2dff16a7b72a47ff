"""Checks, hints and solutions of Day 18."""

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
    whole_number,
)

SETUP = "import numpy as np"


def check_ppmi(answer):
    expect_number(
        answer,
        np.log(3),
        {
            3.0: "That is the ratio of counted to expected; its logarithm is missing.",
            np.log2(3): "The course's logarithm is the natural one, not base 2.",
            np.log10(3): "The course's logarithm is the natural one, not base 10.",
            np.log(0.06): "That compares with 1. Compare with what chance gives.",
            np.log(0.03): "The total is missing: chance gives 10 · 20 / 100 pairs.",
            0.0: "Zero is for pairs at or below chance. How many would chance give?",
            2.0: "That many pairs chance would give. How do 6 compare?",
        },
        otherwise="Chance gives 10 · 20 / 100 pairs; take the logarithm of the ratio.",
    )
    return "Three times as often as by chance: log 3 = 1.10."


def check_gradient_on_v(answer):
    known = [
        ([0, 1], "The sign is turned: D_v = (σ(z) - 1) u + σ(z₁) u₁."),
        ([0, -1.5], "That is the real pair's part; the drawn word adds its own."),
        ([0, 0.5], "That is the drawn word's part; the real pair adds its own."),
        ([0, -2], "The drawn word's sign is turned: its label is 0, its error +σ."),
        ([0, 2], "The real pair's label is 1: its error is σ(z) - 1, not σ(z)."),
        ([-1, 0], "That is D_u. For D_v the factors are u and the drawn word."),
        ([0, -2.5], "At z = 0 the error is 0.5 - 1, not -1: σ(0) is one half."),
    ]
    expect_close(answer, [0, -1], "D_v", known, rtol=1e-3, atol=1e-3)
    return "Both logits are 0, so both errors are one half in size, with two signs."


def check_noise(answer):
    expect_number(
        answer,
        1_000,
        {
            10_000: "Those are plain counts; the power is missing.",
            7_500: "That is 3/4 times the ratio; 3/4 is a power.",
            100: "That is the square root, the power 1/2.",
            1: "That would be even noise, the power 0.",
            100_000: "That is the power 5/4.",
        },
        otherwise="Raise 10,000 = 10⁴ to the power 3/4.",
    )
    return "10⁴ to the power 3/4 is 10³: frequent words lose, rare ones gain."


def _answers(vectors, a, b, c, form="product", exclude=True, scaled=True):
    """What a right program, or one with a known mistake, would return."""
    rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = rows if scaled else vectors
    near_a, near_b, near_c = ((1 + rows @ rows[i]) / 2 for i in (a, b, c))
    scores = {
        "product": near_b * near_c / (near_a + 0.001),
        "sum": rows @ (rows[b] - rows[a] + rows[c]),
        "turned": near_a * near_c / (near_b + 0.001),
        "no division": near_b * near_c,
        "raw": (2 * near_b - 1) * (2 * near_c - 1) / ((2 * near_a - 1) + 0.001),
    }[form]
    if exclude:
        scores[[a, b, c]] = -np.inf
    return int(scores.argmax())


def _questions():
    rng = np.random.default_rng(18)
    vectors = rng.normal(size=(60, 5)) * rng.uniform(0.3, 3, (60, 1))
    return vectors, [rng.choice(60, 3, replace=False) for _ in range(25)]


_KNOWN = (
    ({"exclude": False}, "A word of the question wins: exclude a, b and c."),
    ({"scaled": False}, "The vectors have any length: scale them for the cosine."),
    ({"form": "sum"}, "That is b - a + c; multiply and divide the likenesses."),
    ({"form": "turned"}, "a and b are exchanged: d should be like b, not like a."),
    ({"form": "no division"}, "The division by s(d, a) is missing."),
    (
        {"form": "raw"},
        "Use s = (1 + cos) / 2: two negative cosines would make a positive product.",
    ),
)


def check_multiply(multiply_np):
    vectors, asked = _questions()
    got = []
    for a, b, c in asked:
        answer = multiply_np(vectors.copy(), int(a), int(b), int(c))
        refuse_blank(answer)
        if answer is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        if np.size(answer) > 1:
            raise Wrong("Return the number of one row, not a vector or the scores.")
        got.append(whole_number(answer, "The row number"))
    if got == [_answers(vectors, *q) for q in asked]:
        return "The nearest by product, and not one of the words of the question."
    for mistake, reason in _KNOWN:
        if got == [_answers(vectors, *q, **mistake) for q in asked]:
            raise Wrong(reason)
    inside = sum(
        answer in question for answer, question in zip(got, asked, strict=True)
    )
    if inside:
        raise Wrong(f"In {inside} of {len(asked)} cases a word of the question won.")
    right = sum(
        one == _answers(vectors, *question)
        for one, question in zip(got, asked, strict=True)
    )
    raise Wrong(f"{right} of {len(asked)} answers are right; compare with the formula.")


_FAULTS = {
    "A": "healthy",
    "B": "no negatives",
    "C": "negatives collide",
    "D": "outputs frozen",
}


def check_diagnosis(answer):
    why = {
        "D": "In D every logit is exactly 0. Which rows never left zero?",
        "B": "In B everything is like everything: what pushes words apart?",
        "C": "In C a real pair gets no higher a logit than a drawn one, and both are "
        "low: which pairs were pushed away?",
        "A": "A tells real pairs from drawn ones, and words from one another.",
    }
    expect_causes(answer, _FAULTS, why)
    return "None of the faults raises an error; two even lower their own loss."


def _recall(name, right, praise, wrong):
    """The fields of a recall question that follow from its letters and reasons."""
    return {
        "name": name,
        "check": choice(right, praise, wrong),
        "solution": f'{name} = "{right}"',
        "wrong": tuple(
            WrongAnswer(f'{name} = "{letter}"', reason[:20])
            for letter, reason in wrong.items()
        ),
    }


_FORMULA = """
def multiply_np(vectors, a, b, c):
    rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near_a, near_b, near_c = ((1 + rows @ rows[i]) / 2 for i in (a, b, c))
    scores = near_b * near_c / (near_a + 0.001)
    scores[[a, b, c]] = -1
    return scores.argmax()
"""

EXERCISES = [
    Exercise(
        id="18.r1",
        title="Recall: the slope of the softplus",
        hints=(
            "Use the chain rule on the logarithm.",
            "exp(z) / (1 + exp(z)) has a name.",
        ),
        **_recall(
            "softplus_slope",
            "b",
            "The sigmoid: so every logarithm of a sigmoid has an error as its slope.",
            {
                "a": "That is the inner derivative; divide it by 1 + exp(z).",
                "c": "That is the sigmoid's own slope, the softplus' second one.",
            },
        ),
    ),
    Exercise(
        id="18.r2",
        title="Recall: a weight used many times",
        hints=(
            "Every use of a weight is a path on which it reaches the loss.",
            "What does the chain rule do with several paths?",
        ),
        **_recall(
            "shared_gradient",
            "c",
            "Each use is a path to the loss, and paths add up.",
            {
                "a": "The earlier steps use the same matrix: their paths count too.",
                "b": "Nothing divides by the number of uses: the paths add up.",
            },
        ),
    ),
    Exercise(
        id="18.r3",
        title="Recall: what the backward LSTM has read",
        hints=(
            "From which side does it start?",
            "It has come from the end, as far as t.",
        ),
        **_recall(
            "backward_has_read",
            "b",
            "It starts at the end and walks to the front.",
            {
                "a": "That is what the forward half has read.",
                "c": "That holds for both halves together.",
            },
        ),
    ),
    Exercise(
        id="18.1",
        title="A PPMI by hand",
        name="grim_plot",
        check=check_ppmi,
        hints=(
            "How many pairs of the two would chance give?",
            "10 · 20 / 100; compare it with 6.",
            "log(6 / 2), with the natural logarithm.",
        ),
        solution="grim_plot = np.log(6 * 100 / (10 * 20))",
        wrong=(
            WrongAnswer("grim_plot = 3", "logarithm is missing"),
            WrongAnswer("grim_plot = np.log2(3)", "not base 2"),
            WrongAnswer("grim_plot = np.log10(3)", "not base 10"),
            WrongAnswer("grim_plot = np.log(0.06)", "compares with 1"),
            WrongAnswer("grim_plot = np.log(6 / 200)", "total is missing"),
            WrongAnswer("grim_plot = 0", "at or below chance"),
            WrongAnswer("grim_plot = 2", "chance would give"),
            WrongAnswer("grim_plot = 50", "logarithm of the ratio"),
        ),
    ),
    Exercise(
        id="18.2",
        title="The gradient of one pair",
        name="gradient_on_v",
        check=check_gradient_on_v,
        hints=(
            "First the two logits: v · u and v · u₁.",
            "Both are 0 and σ(0) = 0.5; the errors are -0.5 and +0.5.",
            "-0.5 · (0, 3) + 0.5 · (0, 1).",
        ),
        solution="gradient_on_v = [0, -1]",
        right=("gradient_on_v = (0.0, -1.0)", "gradient_on_v = np.array([[0, -1.0]])"),
        wrong=(
            WrongAnswer("gradient_on_v = [0, 1]", "sign is turned"),
            WrongAnswer("gradient_on_v = [0, -1.5]", "adds its own"),
            WrongAnswer("gradient_on_v = [0, 0.5]", "real pair adds"),
            WrongAnswer("gradient_on_v = [0, -2]", "label is 0"),
            WrongAnswer("gradient_on_v = [0, 2]", "label is 1"),
            WrongAnswer("gradient_on_v = [-1, 0]", "That is D_u"),
            WrongAnswer("gradient_on_v = [0, -2.5]", "one half"),
        ),
    ),
    Exercise(
        id="18.3",
        title="Noise for a frequent word",
        name="times_as_often",
        check=check_noise,
        hints=(
            "Noise is drawn in proportion to the count to the power 3/4.",
            "The ratio of two powers is the power of the ratio.",
            "(10⁴) to the power 3/4.",
        ),
        solution="times_as_often = 10_000**0.75",
        wrong=(
            WrongAnswer("times_as_often = 10_000", "power is missing"),
            WrongAnswer("times_as_often = 7_500", "is a power"),
            WrongAnswer("times_as_often = 100", "square root"),
            WrongAnswer("times_as_often = 1", "even noise"),
            WrongAnswer("times_as_often = 100_000", "power 5/4"),
            WrongAnswer("times_as_often = 37", "Raise 10,000"),
        ),
    ),
    Exercise(
        id="18.4",
        title="Analogies by product",
        name="multiply_np",
        check=check_multiply,
        hints=(
            "Scale all rows to length 1; then a cosine is a dot product.",
            "Compute s to a, b and c for all rows at once, then the score.",
            "Give the rows a, b and c a score that cannot win before argmax.",
        ),
        solution=_FORMULA,
        wrong=(
            WrongAnswer(
                _FORMULA.replace("    scores[[a, b, c]] = -1\n", ""), "question wins"
            ),
            WrongAnswer(
                _FORMULA.replace(
                    "rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)",
                    "rows = vectors",
                ).replace("= -1", "= -np.inf"),
                "scale them",
            ),
            WrongAnswer(
                _FORMULA.replace(
                    "near_b * near_c / (near_a + 0.001)",
                    "rows @ (rows[b] - rows[a] + rows[c])",
                ).replace("= -1", "= -9"),
                "multiply and divide",
            ),
            WrongAnswer(
                _FORMULA.replace(
                    "near_b * near_c / (near_a", "near_a * near_c / (near_b"
                ),
                "exchanged",
            ),
            WrongAnswer(
                _FORMULA.replace(" / (near_a + 0.001)", ""), "division by s(d, a)"
            ),
            WrongAnswer(
                _FORMULA.replace("(1 + rows @ rows[i]) / 2", "rows @ rows[i]").replace(
                    "= -1", "= -np.inf"
                ),
                "two negative cosines",
            ),
            WrongAnswer(_FORMULA.replace("scores.argmax()", "scores"), "not a vector"),
            WrongAnswer("def multiply_np(vectors, a, b, c):\n    return a", "won"),
            WrongAnswer(
                "def multiply_np(vectors, a, b, c):\n"
                "    return next(i for i in range(9) if i not in (a, b, c))",
                "compare with the formula",
            ),
            WrongAnswer(
                "def multiply_np(vectors, a, b, c):\n    d = a", "return statement"
            ),
        ),
    ),
    Exercise(
        id="18.5",
        title="Three sick trainings and a healthy one",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "If the context rows stay at zero, what is every dot product?",
            "If nothing is pushed away, what becomes of the cosine of two words?",
            "A pair pulled together once and pushed apart five times ends below 0.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "healthy", "B": "no negatives", '
                '"C": "outputs frozen", "D": "negatives collide"}',
                "Look at D",
            ),
            WrongAnswer(
                'diagnosis = {"A": "no negatives", "B": "healthy", '
                '"C": "negatives collide", "D": "outputs frozen"}',
                "Look at B",
            ),
            WrongAnswer(
                'diagnosis = {"A": "negatives collide", "B": "no negatives", '
                '"C": "healthy", "D": "outputs frozen"}',
                "Look at C",
            ),
            WrongAnswer(
                'diagnosis = {"A": "no negatives", "B": "no negatives", '
                '"C": "negatives collide", "D": "outputs frozen"}',
                "Look at A",
            ),
            WrongAnswer(
                'diagnosis = dict.fromkeys("ABCD", "bad luck")', "not one of the causes"
            ),
            WrongAnswer('diagnosis = "healthy"', "dictionary"),
        ),
    ),
]
