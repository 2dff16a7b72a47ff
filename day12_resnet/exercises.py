"""Checks, hints and solutions of Day 12."""

import numpy as np

from common.exercises import (
    Exercise,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
)

SETUP = """
import numpy as np
"""


def check_pre_activation(pre_activation_backward):
    rng = np.random.default_rng(12)
    for n, d in ((5, 4), (1, 3)):
        x, d_y = rng.normal(size=(2, n, d))
        w1, w2 = rng.normal(size=(2, d, d))
        h = np.maximum(x, 0)
        a = h @ w1
        d_a = (d_y @ w2.T) * (a > 0)
        branch = d_a @ w1.T
        masked = branch * (x > 0)
        expect_close(
            pre_activation_backward(d_y.copy(), x.copy(), w1.copy(), w2.copy()),
            d_y + masked,
            "the gradient on x",
            [
                (masked, "That is the branch alone: what came along the skip?"),
                (
                    d_y + branch,
                    "The block's first operation is a ReLU on x: its slope is missing.",
                ),
                (
                    (d_y + branch) * (x > 0),
                    "Nothing lies on the skip, so no slope of a ReLU belongs there.",
                ),
                (
                    d_y + (d_y @ w2.T @ w1.T) * (x > 0),
                    "The ReLU between the two matrices has a slope too.",
                ),
                (
                    d_y + ((d_y @ w1.T) * (a > 0)) @ w2.T * (x > 0),
                    "Backward the last matrix, W2, comes first.",
                ),
                (
                    d_y * ((d_y + masked) > 0),
                    "In this block nothing comes after the sum.",
                ),
            ],
        )
    return "The skip adds d_y untouched, whatever the branch does."


def check_bottleneck(bottleneck_weights):
    for channels, width in ((64, 64), (256, 128), (30, 10)):
        reduce, middle, expand = (
            channels * width,
            9 * width**2,
            4 * width**2,
        )
        project = channels * 4 * width
        right = reduce + middle + expand + project
        known = {
            reduce + middle + expand: "The projection on the skip has weights too.",
            reduce + middle + expand + channels**2: "The projection gives 4 · width "
            "maps.",
            reduce + width**2 + expand + project: "The middle kernel has 3 × 3 places.",
            9 * (reduce + middle / 9 + expand + project): "Only the middle kernel is "
            "3 × 3; the others are 1 × 1.",
            4 * channels * width + middle + expand + project: "The first convolution "
            "gives `width` maps.",
            right + width + width + 4 * width + 4 * width: "There are no biases.",
        }
        known = {v: why for v, why in known.items() if v != right}
        expect_number(
            bottleneck_weights(channels, width),
            right,
            known,
            digits=6,
            otherwise=f"For channels={channels}, width={width} it should be "
            f"{right:,}. Add up four convolutions, each kernel² · reads · gives.",
        )
    return "For few input maps the projection is a small part, for many a large one."


def check_same_way(share):
    expect_number(
        share,
        2 * 0.5**5,
        {
            0.5**5: "That is one of the two ways round; the other counts as well.",
            0.5: "That is the share in one epoch.",
            2 * 0.5**4: "Five epochs, not four.",
            1 - 2 * 0.5**5: "That is the share that is shown both ways.",
            6.25: "Give a share between 0 and 1.",
            100 * 0.5**5: "Give a share between 0 and 1, and count both ways round.",
        },
        otherwise="Five times mirrored, or five times not mirrored: how probable is "
        "each?",
    )
    return "With alternating flips it is none, from the second epoch on."


ORDER = np.random.default_rng(2016).permutation(["skip", "relu", "input"])
"""Which fault each letter of 12.5 has, as the notebook draws it."""

FAULTS = {letter: str(fault) for letter, fault in zip("ABC", ORDER, strict=True)}

_LETTER = {fault: letter for letter, fault in FAULTS.items()}

_REASONS = {
    "skip": "Its later block has right weight gradients, and everything before that "
    "is wrong: what does the first block lack that the last one has?",
    "relu": "Here even the gradients of the last block are all wrong: the mistake is "
    "made before anything else is computed.",
    "input": "Here the gradients on x and w2 are right everywhere. Which formula "
    "concerns w1 alone?",
}


def check_faults(fault_of):
    expect_causes(
        fault_of,
        FAULTS,
        {letter: _REASONS[fault] for letter, fault in FAULTS.items()},
        "faults",
    )
    return "Read from the right: the last gradient that is still right names the place."


def _mixed(first: str, second: str) -> str:
    """An answer in which two faults are exchanged."""
    swapped = dict(FAULTS)
    one, other = _LETTER[first], _LETTER[second]
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return f"fault_of = {swapped}"


EXERCISES = [
    Exercise(
        id="12.r1",
        title="Ten small branches with skips",
        name="gradient_of_ten",
        check=choice(
            "b",
            "One factor a layer, and each of them is 1 + 0.1.",
            {
                "a": "That is the chain without skips.",
                "c": "Each layer has a skip of its own, so the 1 stands in every "
                "factor.",
            },
        ),
        hints=("What is the slope of x + f(x), when f has the slope 0.1?",),
        solution='gradient_of_ten = "b"',
        wrong=(
            WrongAnswer('gradient_of_ten = "a"', "without skips"),
            WrongAnswer('gradient_of_ten = "c"', "every factor"),
        ),
    ),
    Exercise(
        id="12.r2",
        title="What moving averages are for",
        name="averages_used",
        check=choice(
            "b",
            "In training the minibatch's own mean and variance are taken.",
            {
                "a": "In training the averages are only updated.",
                "c": "In training the minibatch normalises itself.",
            },
        ),
        hints=("One photograph alone has no minibatch to take a mean over.",),
        solution='averages_used = "b"',
        wrong=(
            WrongAnswer('averages_used = "a"', "only updated"),
            WrongAnswer('averages_used = "c"', "normalises itself"),
        ),
    ),
    Exercise(
        id="12.r3",
        title="FLOPs of a convolution",
        name="convolution_flops",
        check=choice(
            "c",
            "4,608 weights, each used at 64 places, for two operations.",
            {
                "a": "That is the number of weights; each is used at every place.",
                "b": "A multiplication and an addition count as two.",
            },
        ),
        hints=("Weights × places × 2.",),
        solution='convolution_flops = "c"',
        wrong=(
            WrongAnswer('convolution_flops = "a"', "number of weights"),
            WrongAnswer('convolution_flops = "b"', "count as two"),
        ),
    ),
    Exercise(
        id="12.1",
        title="Backward through a pre-activation block",
        name="pre_activation_backward",
        check=check_pre_activation,
        hints=(
            "Two roads lead from y back to x. Nothing lies on the direct one.",
            "On the branch go backward: W2, the slope of the inner ReLU, W1, the "
            "slope of ReLU(x).",
            "A ReLU's slope is 1 where its input is positive, else 0.",
        ),
        solution="""
def pre_activation_backward(d_y, x, w1, w2):
    a = np.maximum(x, 0) @ w1
    d_a = (d_y @ w2.T) * (a > 0)
    return d_y + (d_a @ w1.T) * (x > 0)
""",
        wrong=(
            WrongAnswer(
                "def pre_activation_backward(d_y, x, w1, w2):\n"
                "    a = np.maximum(x, 0) @ w1\n"
                "    return (((d_y @ w2.T) * (a > 0)) @ w1.T) * (x > 0)",
                "along the skip",
            ),
            WrongAnswer(
                "def pre_activation_backward(d_y, x, w1, w2):\n"
                "    a = np.maximum(x, 0) @ w1\n"
                "    return d_y + ((d_y @ w2.T) * (a > 0)) @ w1.T",
                "first operation",
            ),
            WrongAnswer(
                "def pre_activation_backward(d_y, x, w1, w2):\n"
                "    a = np.maximum(x, 0) @ w1\n"
                "    return (d_y + ((d_y @ w2.T) * (a > 0)) @ w1.T) * (x > 0)",
                "Nothing lies on the skip",
            ),
            WrongAnswer(
                "def pre_activation_backward(d_y, x, w1, w2):\n"
                "    return d_y + (d_y @ w2.T @ w1.T) * (x > 0)",
                "between the two matrices",
            ),
            WrongAnswer(
                "def pre_activation_backward(d_y, x, w1, w2):\n"
                "    a = np.maximum(x, 0) @ w1\n"
                "    return d_y + (((d_y @ w1.T) * (a > 0)) @ w2.T) * (x > 0)",
                "comes first",
            ),
        ),
        right=(
            "def pre_activation_backward(d_y, x, w1, w2):\n"
            "    a = x.clip(0) @ w1\n"
            "    d = np.where(a > 0, d_y @ w2.T, 0) @ w1.T\n"
            "    return (d_y + np.where(x > 0, d, 0)).tolist()",
        ),
    ),
    Exercise(
        id="12.2",
        title="Weights of a bottleneck with projection",
        name="bottleneck_weights",
        check=check_bottleneck,
        hints=(
            "There are four convolutions: 1 × 1, 3 × 3, 1 × 1, and 1 × 1 on the skip.",
            "The three of the branch have channels · width, 9 · width · width and "
            "width · 4 · width weights.",
            "The projection reads `channels` maps and gives 4 · width.",
        ),
        solution="""
def bottleneck_weights(channels, width):
    branch = channels * width + 9 * width**2 + 4 * width**2
    return branch + channels * 4 * width
""",
        wrong=(
            WrongAnswer(
                "def bottleneck_weights(channels, width):\n"
                "    return channels * width + 9 * width**2 + 4 * width**2",
                "projection on the skip",
            ),
            WrongAnswer(
                "def bottleneck_weights(channels, width):\n"
                "    return channels * width + 5 * width**2 + 4 * channels * width",
                "3 × 3 places",
            ),
            WrongAnswer(
                "def bottleneck_weights(channels, width):\n"
                "    return 9 * channels * width + 45 * width**2 "
                "+ 36 * channels * width",
                "the others are 1 × 1",
            ),
            WrongAnswer(
                "def bottleneck_weights(channels, width):\n"
                "    return (channels * width + 13 * width**2 + 4 * channels * width\n"
                "            + 10 * width)",
                "no biases",
            ),
        ),
    ),
    Exercise(
        id="12.3",
        title="The first step with a scale of zero",
        name="first_step",
        check=choice(
            "b",
            "What is multiplied by 0 gets no gradient, but the factor itself does. "
            "After the first step it is no longer 0, and the convolutions follow.",
            {
                "a": "The scale γ is multiplied by something that is not zero. So what "
                "is its gradient?",
                "c": "The branches give zero, but x passes on every skip.",
            },
        ),
        hints=(
            "With γ = 0 each block gives its input on: the output is not zero.",
            "In γ · u, the gradient on u is γ times what arrives, that on γ is u times "
            "what arrives.",
        ),
        solution='first_step = "b"',
        wrong=(
            WrongAnswer('first_step = "a"', "multiplied by something"),
            WrongAnswer('first_step = "c"', "every skip"),
        ),
    ),
    Exercise(
        id="12.4",
        title="The same way round in five epochs",
        name="same_way_round",
        check=check_same_way,
        hints=(
            "All five mirrored has the probability ½ · ½ · ½ · ½ · ½.",
            "Never mirrored is the same way round in all five epochs too.",
        ),
        solution="same_way_round = 2 * 0.5**5",
        wrong=(
            WrongAnswer("same_way_round = 0.5**5", "the other counts"),
            WrongAnswer("same_way_round = 0.5", "one epoch"),
            WrongAnswer("same_way_round = 0.9375", "both ways"),
            WrongAnswer("same_way_round = 0.125", "not four"),
            WrongAnswer("same_way_round = 6.25", "between 0 and 1"),
        ),
        right=("same_way_round = [0.0625]", 'same_way_round = "0.063"'),
    ),
    Exercise(
        id="12.5",
        title="Three broken backward passes",
        name="fault_of",
        check=check_faults,
        hints=(
            "Start at the last block: which of its two weight gradients are right?",
            "A fault on the skip spoils only what is handed on to the block before.",
            "A wrong slope after the sum spoils everything that is computed from it.",
        ),
        solution=f"fault_of = {FAULTS}",
        wrong=(
            WrongAnswer(_mixed("skip", "relu"), "Look at"),
            WrongAnswer(_mixed("skip", "input"), "Look at"),
            WrongAnswer(_mixed("relu", "input"), "Look at"),
        ),
    ),
]
