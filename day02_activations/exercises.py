"""Checks, hints and solutions of Day 2."""

import math

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_close,
    expect_number,
    expect_parts,
)

SETUP = "import numpy as np"


def check_ten_slopes(answer):
    expect_number(
        answer,
        4**10,
        {
            40: "The slopes are multiplied, not added.",
            10**4: "Ten factors of 4 are 4 to the power of 10, not 10 to that of 4.",
            2**10: "That takes slopes of 1/2. The sigmoid's largest slope is 1/4.",
            4**-10: "That is the factor itself. Asked is how many times smaller.",
            4: "That is one layer. The chain rule multiplies ten of them.",
        },
        rtol=5e-2,  # "a million" is as good
        otherwise="Take the sigmoid's largest slope, multiplied by itself ten times.",
    )
    return "A million times, in the best case: no sigmoid's slope is larger than 1/4."


def check_softplus(softplus_np):
    z = np.array([-3.0, -0.5, 0.0, 0.7, 4.0])
    slope = 1 / (1 + np.exp(-z))
    with np.errstate(all="ignore"):
        got, far = softplus_np(z), softplus_np(np.array([-1000.0, 1000.0]))
    got = expect_parts(got, 2, "Return two arrays: the value and the slope.")
    expect_close(
        got[0],
        np.log1p(np.exp(z)),
        "the value",
        [
            (np.exp(z), "The logarithm is missing: softplus is log(1 + exp(z))."),
            (np.log2(1 + np.exp(z)), "That is base 2; softplus uses the natural log."),
            (z, "The 1 is missing: log(exp(z)) is z itself."),
        ],
    )
    expect_close(
        got[1],
        slope,
        "the slope",
        [
            (slope * (1 - slope), "That is the sigmoid's slope: one step too far."),
            (slope / np.exp(z), "The inner derivative exp(z) is missing: chain rule."),
            (z > 0, "That is the slope of ReLU; softplus has a smooth one."),
        ],
    )
    if not np.isfinite(far[0]).all():
        raise Wrong(
            "At z = 1000 the value overflows. Take out max(z, 0), as log-sum-exp does."
        )
    if not np.isfinite(far[1]).all():
        raise Wrong(
            "At z = ±1000 the slope overflows. Use exp(-|z|), which never exceeds 1."
        )
    expect_close(far[0], [0.0, 1000.0], "the value at ±1000")
    expect_close(far[1], [0.0, 1.0], "the slope at ±1000")
    return "Log-sum-exp of 0 and z, and its gradient is a softmax of two: the sigmoid."


def check_leaky_std(leaky_std):
    for fan_in, slope in ((100, 0.2), (784, 0.5)):
        right = math.sqrt(2 / ((1 + slope**2) * fan_in))
        expect_number(
            leaky_std(fan_in, slope),
            right,
            {
                right**2: "That is the variance; the standard deviation is its root.",
                math.sqrt(2 / fan_in): "That is He's for ReLU: the negative half now "
                "adds slope² / 2 to the mean square.",
                math.sqrt(2 / ((1 + slope) * fan_in)): "The slope counts squared: it "
                "multiplies the output, and a mean *square* is asked for.",
                math.sqrt(1 / fan_in): "That keeps the signal only without a bend.",
                math.sqrt(2 * (1 + slope**2) / fan_in): "Turned round: a larger output "
                "needs smaller weights.",
                math.sqrt(1 / ((1 + slope**2) * fan_in)): "The half is missing: each "
                "sign occurs in half of the cases.",
            },
            otherwise=f"With {fan_in} inputs and slope {slope}: solve "
            "fan_in · Var(w) · E[h²] = Var(z) for Var(w).",
        )
    return "Slope 0 gives He's rule, slope 1 the rule without a bend, as it should."


def check_largest_rank(answer):
    expect_number(
        answer,
        6,
        {
            10: "Ten is the bound that the output sets; there is a tighter one.",
            512: "A product has at most the rank of its *narrowest* factor.",
            784: "A product has at most the rank of its *narrowest* factor.",
            4: "That is the number of matrices. Look at their shapes.",
            1: "It is one matrix, but its rank can be larger than one.",
        },
        otherwise="The rank of a product is at most the smallest rank of its factors.",
    )
    return "Without a bend the narrowest layer decides; width elsewhere buys nothing."


def check_factor_per_layer(answer):
    right = 0.01 * math.sqrt(50)
    expect_number(
        answer,
        right,
        {
            0.1: "ReLU silences half of the sums: E[h²] is half of Var(z).",
            0.005: "That is the factor of the variance; a size scales with its root.",
            0.01: "That is the factor of a variance without the half, or one weight's "
            "scale. Each sum has 100 of them, and half of the variance is lost.",
            0.5: "The variance of a weight is 0.01², not 0.01.",
            1 / right: "Turned round: the signal shrinks, so the factor is below 1.",
        },
        rtol=2e-2,  # 0.07 settles it
        otherwise="Var(z) becomes 100 · 0.01² · Var(z) / 2. Take the factor's root.",
    )
    return "Fourteen times smaller at each layer, both ways; He's scale mends it."


def _known_activations(z):
    sigmoid = 1 / (1 + np.exp(-z))
    gaussian = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z])
    return {
        "sigmoid": sigmoid,
        "tanh": np.tanh(z),
        "ReLU": np.maximum(z, 0),
        "Leaky ReLU": np.where(z > 0, z, 0.2 * z),
        "ELU": np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        "GELU": z * gaussian,
        "SiLU": z * sigmoid,
    }


def _relative(z, got):
    """Name the activation of the lesson that this is, but for its constant, or ""."""
    below, above = z < 0, z > 0
    with np.errstate(all="ignore"):
        leak, alpha = got[below] / z[below], got[below] / np.expm1(z[below])
        gate = np.log(got / z) - np.log1p(-got / z)  # the logit of got / z
    if np.allclose(got[above], z[above]):
        if np.ptp(leak) < 1e-6:
            return "Leaky ReLU"
        if np.ptp(alpha) < 1e-6:
            return "ELU"
    if np.isfinite(gate).all() and np.ptp(gate / z) < 1e-6:
        return "SiLU"
    return ""


def _first_over_last(value, slope, depth=20, width=100):
    """Gradient norm at the first sums over that at the last, scaled as in section 6."""
    rng = np.random.default_rng(0)
    sample = rng.normal(size=100_000)
    scale = 1 / math.sqrt(width * np.mean(value(sample) ** 2))
    weights = rng.normal(0, scale, (depth - 1, width, width))
    sums = [rng.normal(size=(256, width))]
    for matrix in weights:
        sums.append(value(sums[-1]) @ matrix)
    last = d_z = rng.normal(size=(256, width)) * slope(sums[-1])
    for matrix, z in zip(weights[::-1], sums[-2::-1], strict=True):
        d_z = (d_z @ matrix.T) * slope(z)
    return np.linalg.norm(d_z) / np.linalg.norm(last) if np.any(last) else 0.0


def _in_floats(function):
    return lambda z: np.asarray(function(z), dtype=float)


def check_own_activation(answer):
    if (
        not isinstance(answer, (tuple, list))
        or len(answer) != 2
        or not all(callable(part) for part in answer)
    ):
        raise Wrong("Hand in a pair of functions: (value, slope).")
    value, slope = map(_in_floats, answer)
    rng = np.random.default_rng(3)
    z = rng.normal(0, 2, 200)
    got = value(z)
    step = 1e-5
    numeric = (value(z + step) - value(z - step)) / (2 * step)
    if np.shape(got) != z.shape or not np.isfinite(got).all():
        raise Wrong("Return one finite number for every entry of z.")
    if not np.allclose(slope(z), numeric, rtol=1e-3, atol=1e-4):
        worst = z[np.argmax(np.abs(slope(z) - numeric))]
        raise Wrong(f"The slope and central differences disagree, most at {worst:.2f}.")
    line = np.polyval(np.polyfit(z, got, 1), z)
    if np.abs(got - line).max() < 1e-3:
        raise Wrong("That is a straight line, and layers of it collapse into one.")
    for name, known in _known_activations(z).items():
        if np.allclose(got, known, atol=1e-6):
            raise Wrong(f"That is {name}. Find one that is not in the lesson.")
    if name := _relative(z, got):
        raise Wrong(f"That is {name} with another constant. Find one of your own.")
    if not np.any(slope(z)):
        raise Wrong("The slope is zero wherever you look: no gradient gets through.")
    with np.errstate(all="ignore"):
        ratio = _first_over_last(value, slope)
    if not np.isfinite(ratio) or ratio > 10:
        raise Wrong(
            "The gradient explodes: over 10 times larger at the first of 20 layers "
            "than at the last. Make the slope smaller against the value."
        )
    if ratio < 0.1:
        raise Wrong(
            "The gradient vanishes: over 10 times smaller at the first of 20 layers "
            "than at the last. Compare the mean squares of slope and value."
        )
    return (
        f"First over last gradient, 20 layers: {ratio:.2f}. Whether it trains well, "
        "only a comparison over seeds can tell."
    )


RECALL = [
    Exercise(
        id="2.r1",
        title="Day 1: the loss of equal logits",
        name="answer",
        check=choice(
            "b",
            "Each digit has probability 1/10, and -ln(1/10) = ln 10 = 2.303 nats.",
            {
                "a": "0.1 is the probability; the loss is minus its logarithm.",
                "c": "Zero would need probability 1 for the right digit.",
            },
        ),
        hints=(
            "What probability does each digit get?",
            "The loss is minus the natural logarithm of that probability.",
        ),
        solution='answer = "b"',
        wrong=(
            WrongAnswer('answer = "a"', "minus its logarithm"),
            WrongAnswer('answer = "c"', "probability 1"),
            WrongAnswer('answer = "d"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="2.r2",
        title="Day 1: the backward pass of ReLU",
        name="answer",
        check=choice(
            "c",
            "Multiply by the slope: 1 where the sum was positive, 0 elsewhere.",
            {
                "a": "The gradient is multiplied by the slope at Z1, not by Z1 itself.",
                "b": "A negative gradient is a gradient too; the sign of Z1 decides.",
            },
        ),
        hints=(
            "The chain rule multiplies by the derivative of the bend.",
            "The derivative of max(0, z) is 1 or 0, depending on the sign of z.",
        ),
        solution='answer = "c"',
        wrong=(
            WrongAnswer('answer = "a"', "slope at Z1"),
            WrongAnswer('answer = "b"', "sign of Z1 decides"),
        ),
    ),
    Exercise(
        id="2.r3",
        title="Day 1: which set chooses",
        name="answer",
        check=choice(
            "b",
            "Whatever is chosen by a set, that set cannot judge fairly any more.",
            {
                "a": "On the training set the network that memorises best would win.",
                "c": "Then the test score would be partly luck: it is opened once.",
            },
        ),
        hints=(
            "Three sets, three jobs: learn, choose, judge.",
            "It is neither the one to learn from nor the one in the envelope.",
        ),
        solution='answer = "b"',
        wrong=(
            WrongAnswer('answer = "a"', "memorises best"),
            WrongAnswer('answer = "c"', "opened once"),
        ),
    ),
]

EXERCISES = [
    *RECALL,
    Exercise(
        id="2.1",
        title="Ten sigmoid slopes",
        name="times_smaller",
        check=check_ten_slopes,
        hints=(
            "Where is the sigmoid steepest, and how steep is it there?",
            "s (1 - s) is largest at s = 1/2, where it is 1/4.",
            "Ten factors of 1/4: 4 to the power of 10 times smaller.",
        ),
        solution="times_smaller = 4**10",
        wrong=(
            WrongAnswer("times_smaller = 40", "multiplied, not added"),
            WrongAnswer("times_smaller = 10_000", "4 to the power of 10"),
            WrongAnswer("times_smaller = 2**10", "slopes of 1/2"),
            WrongAnswer("times_smaller = 0.25**10", "factor itself"),
            WrongAnswer("times_smaller = 4", "one layer"),
            WrongAnswer("times_smaller = 12", "multiplied by itself"),
            WrongAnswer("times_smaller = 2e6", "multiplied by itself"),
        ),
        right=("times_smaller = 1e6", "times_smaller = '1,048,576'"),
    ),
    Exercise(
        id="2.2",
        title="A smooth ReLU",
        name="softplus_np",
        check=check_softplus,
        hints=(
            "log(1 + exp(z)) is the log-sum-exp of the two numbers 0 and z.",
            "Take out the larger of the two: max(z, 0) + log(1 + exp(-|z|)).",
            "The slope is the sigmoid; write it with exp(-|z|), as in section 3.",
        ),
        solution="""
def softplus_np(z):
    e = np.exp(-np.abs(z))
    return np.maximum(z, 0) + np.log1p(e), np.where(z >= 0, 1, e) / (1 + e)
""",
        wrong=(
            WrongAnswer(
                "def softplus_np(z):\n"
                "    return np.log(1 + np.exp(z)), 1 / (1 + np.exp(-z))",
                "value overflows",
            ),
            WrongAnswer(
                "def softplus_np(z):\n"
                "    return np.logaddexp(0, z), np.exp(z) / (1 + np.exp(z))",
                "slope overflows",
            ),
            WrongAnswer(
                "def softplus_np(z):\n"
                "    return np.logaddexp(0, z), 1 / (1 + np.exp(z))",
                "inner derivative",
            ),
            WrongAnswer(
                "def softplus_np(z):\n"
                "    s = 1 / (1 + np.exp(-z))\n"
                "    return np.logaddexp(0, z), s * (1 - s)",
                "one step too far",
            ),
            WrongAnswer(
                "def softplus_np(z):\n    return np.logaddexp(0, z), z > 0",
                "slope of ReLU",
            ),
            WrongAnswer(
                "def softplus_np(z):\n"
                "    return np.logaddexp2(0, z / np.log(2)), 1 / (1 + np.exp(-z))",
                "base 2",
            ),
            WrongAnswer(
                "def softplus_np(z):\n    return np.logaddexp(0, z)",
                "Return two arrays",
            ),
        ),
        right=(
            "def softplus_np(z):\n"
            "    return np.stack([np.logaddexp(0, z), (1 + np.tanh(z / 2)) / 2])",
        ),
    ),
    Exercise(
        id="2.3",
        title="The initial scale for Leaky ReLU",
        name="leaky_std",
        check=check_leaky_std,
        hints=(
            "Go through He's derivation with h = z for z > 0 and h = slope · z else.",
            "Half of the cases give z², the other half slope² · z²: "
            "E[h²] = (1 + slope²) / 2 · Var(z).",
            "So Var(w) = 2 / ((1 + slope²) · fan_in). Return its root.",
        ),
        solution="""
def leaky_std(fan_in, negative_slope):
    return np.sqrt(2 / ((1 + negative_slope**2) * fan_in))
""",
        wrong=(
            WrongAnswer(
                "def leaky_std(n, a):\n    return 2 / (1 + a**2) / n", "variance"
            ),
            WrongAnswer("def leaky_std(n, a):\n    return (2 / n) ** 0.5", "for ReLU"),
            WrongAnswer(
                "def leaky_std(n, a):\n    return (2 / (1 + a) / n) ** 0.5",
                "counts squared",
            ),
            WrongAnswer(
                "def leaky_std(n, a):\n    return n**-0.5", "only without a bend"
            ),
            WrongAnswer(
                "def leaky_std(n, a):\n    return (2 * (1 + a**2) / n) ** 0.5",
                "smaller weights",
            ),
            WrongAnswer(
                "def leaky_std(n, a):\n    return (1 / (1 + a**2) / n) ** 0.5",
                "half is missing",
            ),
            WrongAnswer("def leaky_std(n, a):\n    return 1.0", "With 100 inputs"),
        ),
    ),
    Exercise(
        id="2.4",
        title="The rank of a linear stack",
        name="largest_rank",
        check=check_largest_rank,
        hints=(
            "Without a bend the four matrices multiply into one of 784 × 10.",
            "Everything passes through the narrowest layer. How wide is it?",
            "The rank of a product is at most its narrowest dimension: 6.",
        ),
        solution="largest_rank = 6",
        wrong=(
            WrongAnswer("largest_rank = 10", "tighter one"),
            WrongAnswer("largest_rank = 512", "narrowest"),
            WrongAnswer("largest_rank = 4", "number of matrices"),
            WrongAnswer("largest_rank = 1", "larger than one"),
            WrongAnswer("largest_rank = 7", "smallest rank of its factors"),
        ),
    ),
    Exercise(
        id="2.5",
        title="A loss that stays at ln 10",
        name="factor_per_layer",
        check=check_factor_per_layer,
        hints=(
            "Start from Var(z) = fan_in · Var(w) · E[h²] of section 6.",
            "fan_in is 100, Var(w) is 0.01² and E[h²] is half of the last Var(z).",
            "The variance shrinks by 100 · 0.0001 / 2 = 0.005 a layer. The size "
            "(standard deviation) shrinks by the root of that.",
        ),
        solution="factor_per_layer = 0.01 * np.sqrt(100 / 2)",
        wrong=(
            WrongAnswer("factor_per_layer = 0.1", "half of Var(z)"),
            WrongAnswer("factor_per_layer = 0.005", "scales with its root"),
            WrongAnswer("factor_per_layer = 0.01", "100 of them"),
            WrongAnswer("factor_per_layer = 0.01 * 50", "not 0.01"),
            WrongAnswer("factor_per_layer = 14.14", "Turned round"),
            WrongAnswer("factor_per_layer = 0.9", "factor's root"),
            WrongAnswer("factor_per_layer = 0.06", "factor's root"),
        ),
        right=("factor_per_layer = 0.07", "factor_per_layer = '7 %'"),
    ),
    Exercise(
        id="2.6",
        title="An activation of your own",
        name="own_activation",
        check=check_own_activation,
        hints=(
            "Start from ReLU and change what it does below zero.",
            "The gradient keeps its size where the mean squares of slope and value are "
            "about equal, for z from a standard normal distribution.",
            "For example z above zero and tanh(z) / 2 below.",
        ),
        solution="""
own_activation = (
    lambda z: np.where(z > 0, z, 0.5 * np.tanh(z)),
    lambda z: np.where(z > 0, 1.0, 0.5 * (1 - np.tanh(z) ** 2)),
)
""",
        wrong=(
            WrongAnswer("own_activation = np.tanh", "pair of functions"),
            WrongAnswer(
                "own_activation = (lambda z: 2 * z, lambda z: 2 + 0 * z)",
                "straight line",
            ),
            WrongAnswer(
                "own_activation = (np.tanh, lambda z: 1 - np.tanh(z) ** 2)",
                "That is tanh",
            ),
            WrongAnswer(
                "own_activation = (np.sin, lambda z: -np.cos(z))", "disagree, most at"
            ),
            WrongAnswer(
                "own_activation = (lambda z: np.logaddexp(0, z),"
                " lambda z: 1 / (1 + np.exp(-z)))",
                "vanishes",
            ),
            WrongAnswer(
                "own_activation = (lambda z: z**3, lambda z: 3 * z**2)", "explodes"
            ),
            WrongAnswer(
                "own_activation = (lambda z: z.sum(), lambda z: 1 + 0 * z)",
                "for every entry",
            ),
            WrongAnswer(
                "own_activation = (np.sign, lambda z: 0 * z)",
                "no gradient gets through",
            ),
            WrongAnswer(
                "own_activation = (lambda z: np.where(z > 0, z, 0.1 * z),"
                " lambda z: np.where(z > 0, 1, 0.1))",
                "Leaky ReLU with another constant",
            ),
            WrongAnswer(
                "own_activation = (lambda z: np.where(z > 0, z, 0.5 * np.expm1(z)),"
                " lambda z: np.where(z > 0, 1, 0.5 * np.exp(z)))",
                "ELU with another constant",
            ),
            WrongAnswer(
                "own_activation = (lambda z: z / (1 + np.exp(-2 * z)), lambda z:"
                " (1 + np.exp(-2*z) * (1 + 2*z)) / (1 + np.exp(-2 * z))**2)",
                "SiLU with another constant",
            ),
        ),
        right=(
            "own_activation = [np.arctan, lambda z: 1 / (1 + z**2)]",
            "own_activation = (lambda z: z + np.sin(z), lambda z: 1 + np.cos(z))",
        ),
    ),
]
