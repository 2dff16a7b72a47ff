"""Checks, hints and solutions of Day 3."""

import math

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

_SIGMA = 1 / (1 + math.exp(5))  # the sigmoid at -5


def check_gradient_ratio(answer):
    slope = _SIGMA * (1 - _SIGMA)
    expect_number(
        answer,
        1 / (2 * slope),
        {
            2 * slope: "That is the inverse of what is asked: turn it round.",
            1 / slope: "The square brings down a factor 2; it is missing.",
            0.5 / _SIGMA: "The sigmoid's slope is σ(1 - σ), not σ alone.",
            1 - _SIGMA: "That is the cross-entropy's gradient: divide by the other.",
            2 / slope: "The factor 2 belongs to the squared error: it divides here.",
            1 / (2 * slope * (1 - _SIGMA)): (
                "Both gradients hold the factor σ - 1; in the ratio it cancels."
            ),
        },
        rtol=2e-3,
        otherwise="Divide the two gradients of section 4: σ - 1 cancels, 2σ(1 - σ) is "
        "left in the denominator. Put in σ(-5).",
    )
    return "A mistake by 5 logits costs the squared error a factor of 75."


def check_first_step(answer):
    expect_number(
        answer,
        0.1 / math.sqrt(0.001),
        {
            1.0: "That is the first step *with* both corrections.",
            0.1 / 0.001: "Take the square root of v.",
            0.1: "Adam also divides by the root of v.",
            1 / math.sqrt(0.001): "m is not 1 after one step: it is 1 - beta_1.",
            math.sqrt(0.001) / 0.1: "m stands above, the root of v below.",
            0.9 / math.sqrt(0.999): "The new gradient enters with 1 - beta, not beta.",
            -0.1 / math.sqrt(0.001): "Give the size of the step, as a positive number.",
        },
        rtol=5e-3,
        otherwise="m = (1 - beta_1) g, v = (1 - beta_2) g²: divide m by the root of v.",
    )
    return (
        "Three times too long, not too short: v is further from its true value than m."
    )


def check_lion(lion_np):
    rng = np.random.default_rng(3)
    w, g, m = rng.normal(size=(3, 4, 5))
    g[:] = -np.array([[2], [12], [6], [0.05]]) * m  # m decides some signs, g others
    rate, b1, b2 = 0.1, 0.9, 0.8
    kept = [a.copy() for a in (w, g, m)]
    got = lion_np(w, g, m, rate, b1, b2)
    got = expect_parts(got, 2, "Return two arrays: the new weight and the new memory.")
    if not all(np.array_equal(*pair) for pair in zip(kept, (w, g, m), strict=True)):
        raise Wrong("Your function changed its arguments in place; work on copies.")
    blend, memory = b1 * m + (1 - b1) * g, b2 * m + (1 - b2) * g
    expect_close(
        got[0],
        w - rate * np.sign(blend),
        "the new weight",
        [
            (w - rate * blend, "The sign is missing: every weight moves by the rate."),
            (w + rate * np.sign(blend), "That climbs: subtract the step."),
            (
                w - rate * np.sign(memory),
                "The step uses the old memory blended with beta_1, not the new memory.",
            ),
            (w - rate * np.sign(g), "That forgets the memory: blend m and g first."),
            (
                w - rate * np.sign((1 - b1) * m + b1 * g),
                "beta_1 weighs the memory, 1 - beta_1 the gradient.",
            ),
            (
                w - rate * (b1 * np.sign(m) + (1 - b1) * np.sign(g)),
                "Blend first, then take the sign.",
            ),
            (w - np.sign(blend), "The learning rate is missing."),
        ],
    )
    expect_close(
        got[1],
        memory,
        "the new memory",
        [
            (blend, "The memory is updated with beta_2, not with beta_1."),
            (m, "The memory did not change: blend the gradient in with beta_2."),
            (
                b2 * blend + (1 - b2) * g,
                "Update the old memory, not the blend that gave the sign.",
            ),
            (np.sign(memory), "Only the step takes a sign; the memory keeps sizes."),
            (
                (1 - b2) * m + b2 * g,
                "beta_2 weighs the memory, 1 - beta_2 the gradient.",
            ),
        ],
    )
    return "One memory in place of Adam's two, and all steps have the same size."


_CAUSES = {
    "A": "labels shuffled",
    "B": "rate too small",
    "C": "wrong sign",
    "D": "rate too large",
}


def check_diagnosis(answer):
    why = {
        "C": "C rises steadily, without a jump: each step makes it a little worse.",
        "B": "B goes down all the time, steadily, only far too slowly.",
        "D": "D leaps up within the first steps and never comes back down to learn.",
        "A": "A stays calmly at ln 10: its images say nothing about its labels.",
    }
    expect_causes(answer, _CAUSES, why)
    return "Before you tune anything, look at the first fifty losses on a log axis."


def check_my_descent(my_descent):
    shift = np.array([0.7, -1.3])
    calls = 0

    def value(point):
        x, y = point - shift
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    def gradient(point):
        nonlocal calls
        calls += 1
        point = np.squeeze(np.asarray(point, dtype=float))
        if point.shape != (2,):
            raise Wrong(f"gradient wants a point of shape (2,), not {point.shape}.")
        x, y = point - shift
        bend = y - x**2
        return np.array([2 * (x - 1) - 400 * x * bend, 200 * bend])

    start = np.array([-1.2, 1.0]) + shift
    with np.errstate(over="ignore", invalid="ignore"):
        got = my_descent(gradient, start.copy())
    try:
        point = np.squeeze(np.asarray(got, dtype=float))
    except (TypeError, ValueError):
        raise Wrong("Return one point, an array of shape (2,).") from None
    if point.shape != (2,):
        raise Wrong(f"Return one point of shape (2,); yours has shape {point.shape}.")
    if not np.isfinite(point).all():
        raise Wrong("Your point is nan or infinite: the steps grew without bound.")
    if calls > 200:
        raise Wrong(f"You called gradient {calls} times; 200 are allowed.")
    if calls == 0:
        raise Wrong("You never asked for a gradient, and the valley has been moved.")
    reached = value(point)
    if reached >= 1e-2:
        raise Wrong(
            f"After {calls} calls the value is {reached:.2g}; it should be below 0.01."
        )
    return f"Value {reached:.1e} with {calls} gradients. How few can you do with?"


EXERCISES = [
    Exercise(
        id="3.r1",
        title="Recall: the gradient on the logits",
        name="recall_1",
        check=choice(
            "b",
            "Probability minus truth; section 3 meets it three more times.",
            {
                "a": "With the right label's 1 not subtracted, it could never be zero.",
                "c": "p(1 - p) is the slope of the sigmoid; the logarithm cancels it.",
            },
        ),
        hints=(
            "For one image the loss is -z_y + log Σ exp(z_j).",
            "The derivative of log Σ exp(z_j) is p; what does -z_y add?",
        ),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "never be zero"),
            WrongAnswer('recall_1 = "c"', "slope of the sigmoid"),
            WrongAnswer('recall_1 = "d"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="3.r2",
        title="Recall: the sigmoid's largest slope",
        name="recall_2",
        check=choice(
            "c",
            "σ(1 - σ) is largest at σ = 1/2. Today that factor stalls a loss.",
            {
                "a": "That is the slope of tanh at zero, not the sigmoid's.",
                "b": "At z = 0 the *value* is 1/2; the slope is σ(1 - σ).",
            },
        ),
        hints=(
            "The slope is σ(z)(1 - σ(z)).",
            "A product a(1 - a) is largest at a = 1/2.",
        ),
        solution='recall_2 = "c"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "tanh"),
            WrongAnswer('recall_2 = "b"', "value"),
        ),
    ),
    Exercise(
        id="3.r3",
        title="Recall: which set chooses",
        name="recall_3",
        check=choice(
            "a",
            "Choose with the validation set, report on the test set, once.",
            {
                "b": "The training set favours whatever learns it by heart.",
                "c": "A test set that chooses cannot judge fairly any more.",
            },
        ),
        hints=(
            "Three sets, three jobs: learn, choose, judge.",
            "The test set stays in its envelope; the training set is learned.",
        ),
        solution='recall_3 = "a"',
        wrong=(
            WrongAnswer('recall_3 = "b"', "by heart"),
            WrongAnswer('recall_3 = "c"', "judge fairly"),
        ),
    ),
    Exercise(
        id="3.1",
        title="How much weaker is the squared error?",
        name="gradient_ratio",
        check=check_gradient_ratio,
        hints=(
            "Write both gradients down as fractions of each other: what cancels?",
            "What is left is 1 / (2 σ (1 - σ)) at z = -5.",
            "σ(-5) = 1 / (1 + e⁵) = 0.00669.",
        ),
        solution="""
sigma = 1 / (1 + np.exp(5))
gradient_ratio = 1 / (2 * sigma * (1 - sigma))
""",
        wrong=(
            WrongAnswer("gradient_ratio = 0.0133", "turn it round"),
            WrongAnswer("gradient_ratio = 150.4", "factor 2; it is missing"),
            WrongAnswer("gradient_ratio = 74.7", "not σ alone"),
            WrongAnswer("gradient_ratio = 0.9933", "divide by the other"),
            WrongAnswer("gradient_ratio = 300.8", "it divides here"),
            WrongAnswer("gradient_ratio = 75.71", "it cancels"),
            WrongAnswer("gradient_ratio = 10", "Divide the two gradients"),
            WrongAnswer("gradient_ratio = 70", "Divide the two gradients"),
            WrongAnswer("gradient_ratio = 'large'", "A number is asked for"),
        ),
        right=("gradient_ratio = 75", "gradient_ratio = 75.2", "gradient_ratio = '75'"),
    ),
    Exercise(
        id="3.2",
        title="Adam without bias correction",
        name="first_step",
        check=check_first_step,
        hints=(
            "Both averages start at 0. What are m and v after one step with g = 1?",
            "m = 1 - 0.9 = 0.1 and v = 1 - 0.999 = 0.001.",
            "The step is m / √v = 0.1 / √0.001.",
        ),
        solution="first_step = 0.1 / np.sqrt(0.001)",
        wrong=(
            WrongAnswer("first_step = 1", "with* both corrections"),
            WrongAnswer("first_step = 100", "square root"),
            WrongAnswer("first_step = 0.1", "divides by the root"),
            WrongAnswer("first_step = 31.62", "1 - beta_1"),
            WrongAnswer("first_step = 0.3162", "stands above"),
            WrongAnswer("first_step = 0.9", "not beta"),
            WrongAnswer("first_step = -3.162", "positive number"),
            WrongAnswer("first_step = 7", "divide m by the root of v"),
        ),
        right=("first_step = 3.2", "first_step = 3.16", "first_step = '3,16'"),
    ),
    Exercise(
        id="3.3",
        title="Lion",
        name="lion_np",
        check=check_lion,
        hints=(
            "Two blends of m and g: with beta_1 for the step, with beta_2 to keep.",
            "The step is rate * np.sign(beta_1 * m + (1 - beta_1) * g).",
            "Return w - step and beta_2 * m + (1 - beta_2) * g, both from the old m.",
        ),
        solution="""
def lion_np(w, g, m, rate, beta_1=0.9, beta_2=0.99):
    step = rate * np.sign(beta_1 * m + (1 - beta_1) * g)
    return w - step, beta_2 * m + (1 - beta_2) * g
""",
        wrong=tuple(
            WrongAnswer(
                f"def lion_np(w, g, m, rate, a=0.9, b=0.99):\n    {body}", reason
            )
            for body, reason in (
                (
                    "return w - rate * (a*m + (1-a)*g), b*m + (1-b)*g",
                    "sign is missing",
                ),
                ("return w + rate * np.sign(a*m + (1-a)*g), b*m + (1-b)*g", "climbs"),
                (
                    "n = b*m + (1-b)*g; return w - rate * np.sign(n), n",
                    "not the new memory",
                ),
                ("return w - rate * np.sign(g), b*m + (1-b)*g", "forgets the memory"),
                (
                    "return w - rate * np.sign((1-a)*m + a*g), b*m + (1-b)*g",
                    "beta_1 weighs the memory",
                ),
                (
                    "return w - rate*(a*np.sign(m) + (1-a)*np.sign(g)), b*m + (1-b)*g",
                    "Blend first",
                ),
                (
                    "return w - np.sign(a*m + (1-a)*g), b*m + (1-b)*g",
                    "learning rate is missing",
                ),
                (
                    "n = a*m + (1-a)*g; return w - rate * np.sign(n), n",
                    "not with beta_1",
                ),
                ("return w - rate * np.sign(a*m + (1-a)*g), m", "did not change"),
                (
                    "c = a*m + (1-a)*g; return w - rate * np.sign(c), b*c + (1-b)*g",
                    "not the blend",
                ),
                (
                    "return w - rate*np.sign(a*m + (1-a)*g), np.sign(b*m + (1-b)*g)",
                    "keeps sizes",
                ),
                (
                    "return w - rate*np.sign(a*m + (1-a)*g), (1-b)*m + b*g",
                    "beta_2 weighs the memory",
                ),
                ("return w - rate * np.sign(a*m + (1-a)*g)", "Return two arrays"),
                (
                    "w -= rate * np.sign(a*m + (1-a)*g); return w, b*m + (1-b)*g",
                    "changed its arguments",
                ),
            )
        ),
    ),
    Exercise(
        id="3.4",
        title="Four losses that do not fall",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Two of them move steadily, one down and one up. What do their steps do?",
            "A network that cannot learn anything from the images can still learn how "
            "frequent the digits are; that costs ln 10.",
            "A step that is far too long shows at once: a leap by powers of ten.",
        ),
        solution="""
diagnosis = {
    "A": "labels shuffled",
    "B": "rate too small",
    "C": "wrong sign",
    "D": "rate too large",
}
""",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "labels shuffled", "B": "wrong sign", '
                '"C": "rate too small", "D": "rate too large"}',
                "Look at C again",
            ),
            WrongAnswer(
                'diagnosis = {"A": "rate too small", "B": "labels shuffled", '
                '"C": "wrong sign", "D": "rate too large"}',
                "Look at B again",
            ),
            WrongAnswer(
                'diagnosis = {"A": "rate too large", "B": "rate too small", '
                '"C": "wrong sign", "D": "labels shuffled"}',
                "Look at D again",
            ),
            WrongAnswer(
                'diagnosis = {"A": "wrong sign", "B": "rate too small", '
                '"C": "wrong sign", "D": "rate too large"}',
                "Look at A again",
            ),
            WrongAnswer(
                'diagnosis = {"A": "bad luck", "B": "rate too small", '
                '"C": "wrong sign", "D": "rate too large"}',
                "not one of the causes",
            ),
            WrongAnswer("diagnosis = 'rate too large'", "dictionary"),
        ),
    ),
    Exercise(
        id="3.5",
        title="Your own descent",
        name="my_descent",
        check=check_my_descent,
        hints=(
            "Which optimizer of section 6 arrived in Rosenbrock's valley first?",
            "Momentum with a rate of a few thousandths; the velocity carries it along.",
            "v = 0.9 * v - 0.003 * gradient(point); point = point + v; 200 times.",
        ),
        solution="""
def my_descent(gradient, start):
    point, v = start, np.zeros(2)
    for _ in range(200):
        v = 0.9 * v - 0.003 * gradient(point)
        point = point + v
    return point
""",
        wrong=(
            WrongAnswer(
                "def my_descent(gradient, start):\n    return start", "never asked"
            ),
            WrongAnswer(
                "def my_descent(gradient, start):\n"
                "    gradient(start)\n    return np.array([1.0, 1.0])",
                "should be below 0.01",
            ),
            WrongAnswer(
                "def my_descent(gradient, start):\n"
                "    for _ in range(5000): start = start - 0.001 * gradient(start)\n"
                "    return start",
                "200 are allowed",
            ),
            WrongAnswer(
                "def my_descent(gradient, start):\n"
                "    for _ in range(200): start = start - 0.1 * gradient(start)\n"
                "    return start",
                "without bound",
            ),
            WrongAnswer(
                "def my_descent(gradient, start):\n    return gradient(start)[0]",
                "shape (2,)",
            ),
            WrongAnswer(
                "def my_descent(gradient, start):\n    return gradient([start, start])",
                "wants a point",
            ),
            WrongAnswer(
                "def my_descent(gradient, start):\n    return 'the minimum'",
                "Return one point",
            ),
        ),
        right=(
            "def my_descent(gradient, start):\n"
            "    point, v = start[None], 0\n"
            "    for _ in range(200):\n"
            "        v = 0.9 * v - 0.003 * gradient(point)\n"
            "        point = point + v\n"
            "    return point.tolist()",
        ),
    ),
]
