"""Checks, hints and solutions of Day 11."""

import numpy as np

from common.exercises import (
    Exercise,
    WrongAnswer,
    choice,
    expect_number,
    expect_parts,
)

SETUP = """
import numpy as np
"""


def check_he_std(he_std):
    for kernel, channels, filters in ((3, 16, 64), (5, 3, 32), (1, 128, 10)):
        fan_in, fan_out = kernel**2 * channels, kernel**2 * filters
        right = np.sqrt(2 / fan_in)
        known = {
            2 / fan_in: "That is the variance; the standard deviation is its root.",
            np.sqrt(1 / fan_in): "That is the rule without the 2: ReLU removes half "
            "of the squares.",
            np.sqrt(2 / fan_out): "The terms of one sum are counted by what the "
            "convolution reads, not by its filters.",
            np.sqrt(2 / (fan_in + fan_out)): "That is Glorot's rule.",
        }
        if kernel > 1:
            known[np.sqrt(2 / channels)] = (
                "One sum runs over the whole window, not over the maps alone."
            )
            known[np.sqrt(2 / (kernel * channels))] = (
                "The window has kernel × kernel places."
            )
            known[np.sqrt(2 / kernel**2)] = (
                "One sum runs over all maps that the convolution reads."
            )
        known = {v: why for v, why in known.items() if not np.isclose(v, right)}
        expect_number(
            he_std(kernel, channels, filters),
            right,
            known,
            otherwise=f"For a {kernel} × {kernel} convolution from {channels} to "
            f"{filters} maps it should be {right:.4g}. How many products are added "
            "up for one output?",
        )
    return "The same for every filter: their number does not enter."


def check_chain(chain_gradient):
    rng = np.random.default_rng(11)
    weights, s = rng.normal(0, 3, size=6), rng.uniform(0.1, 0.9, size=6)
    slopes = s * (1 - s)
    factors = weights * slopes
    plain, with_skips = np.prod(factors), np.prod(1 + factors)
    expect_number(
        chain_gradient(weights.copy(), s.copy()),
        plain,
        {
            np.prod(slopes): "Each neuron's weight is a factor as well.",
            np.prod(weights): "The slopes of the sigmoids are missing.",
            np.prod(weights * s): "s is the sigmoid's output; its slope is s(1 − s).",
            factors.sum(): "The factors of a chain multiply, they do not add up.",
            with_skips: "Without skips there is no 1 in a factor.",
        },
        otherwise="Without skips the derivative is one factor a neuron: its weight "
        "times its slope.",
    )
    expect_number(
        chain_gradient(weights.copy(), s.copy(), skip=True),
        with_skips,
        {
            plain: "skip=True changes each factor.",
            1 + plain: "Each neuron has a skip of its own: the 1 belongs to every "
            "factor, not to the product.",
            np.prod(1 + slopes): "Each neuron's weight belongs to its branch.",
            1 + factors.sum(): "These are the path that skips all and those through "
            "one neuron; paths through several are missing.",
            np.prod(weights * (1 + slopes)): "The weight belongs to the branch, "
            "the skip has none.",
        },
        otherwise="With skips a neuron passes on 1 + weight × slope.",
    )
    expect_number(
        chain_gradient(np.zeros(3), np.full(3, 0.5), skip=True),
        1.0,
        otherwise="If all weights are zero, the skips alone are left, and they pass "
        "on a 1.",
    )
    return "With a negative weight a factor can also be 1 minus something, even 0."


def check_dense_block(dense_block_size):
    for start, growth, count in ((16, 12, 4), (24, 8, 6), (10, 5, 1)):
        reads = start + growth * np.arange(count)
        right = 9 * growth * reads.sum()
        got, maps = expect_parts(
            dense_block_size(start, growth, count),
            2,
            "Return two numbers: (weights, maps at the end).",
        )
        known = {
            growth * reads.sum(): "A kernel has 3 × 3 places.",
            9 * growth * (reads + growth).sum(): "The first layer reads the block's "
            "input alone; a layer does not read its own maps.",
            9 * (reads * (reads + growth)).sum(): "A layer gives `growth` new maps; "
            "those that are kept cost nothing.",
            right + growth * count: "There are no biases.",
            9 * growth * start * count: "Each layer reads all maps before it, so a "
            "later one reads more.",
            9 * growth * reads[-1]: "That is the last layer alone.",
        }
        known = {v: why for v, why in known.items() if v != right}
        expect_number(
            got,
            right,
            known,
            digits=6,
            otherwise=f"The weights for start={start}, growth={growth}, count={count} "
            "are not right: what does each layer read, and what does it give?",
        )
        end = start + growth * count
        expect_number(
            maps,
            end,
            {
                end - growth: "The last layer's maps belong to the end as well.",
                growth * count: "The block's input is kept too.",
                growth: "All maps are kept, not only the last layer's.",
            },
            digits=6,
            otherwise="At the end stand the block's input and what each layer added.",
        )
    return "The sum grows with the square of the number of layers."


ORDER = np.random.default_rng(2015).permutation(3)
"""Which of three networks each letter of 11.4 stands for, as the notebook draws it."""

LETTERS = {int(kind): letter for letter, kind in zip("ABC", ORDER, strict=True)}

check_plain = choice(
    LETTERS[1],
    "Its gradients grow from the last layer to the first.",
    {
        LETTERS[0]: "Its gradients are tiny in all layers alike: the signal fades "
        "forward and the gradient backward. That is the one without BatchNorm.",
        LETTERS[2]: "Its gradients depend least on the layer. What does BatchNorm do "
        "to a gradient where no skip leads around it?",
    },
)


EXERCISES = [
    Exercise(
        id="11.r1",
        title="A dead neuron",
        name="dead_neuron",
        check=choice(
            "b",
            "Silent for every input, it has the slope 0 for every input.",
            {
                "a": "Zero weights and a positive bias give a constant, and a "
                "gradient. What does the slope of ReLU depend on?",
                "c": "A dead neuron receives no gradient at all.",
            },
        ),
        hints=("The slope of ReLU is 0 wherever its sum is negative.",),
        solution='dead_neuron = "b"',
        wrong=(
            WrongAnswer('dead_neuron = "a"', "constant"),
            WrongAnswer('dead_neuron = "c"', "no gradient"),
        ),
    ),
    Exercise(
        id="11.r2",
        title="What shares a mean",
        name="mean_over",
        check=choice(
            "c",
            "One mean a channel.",
            {
                "a": "In a convolution all places have the same filter, so they count "
                "as rows too.",
                "b": "That is done for each image by itself, and is another member of "
                "the family.",
            },
        ),
        hints=("BatchNorm has as many means as channels, and no more.",),
        solution='mean_over = "c"',
        wrong=(
            WrongAnswer('mean_over = "a"', "places"),
            WrongAnswer('mean_over = "b"', "by itself"),
        ),
    ),
    Exercise(
        id="11.r3",
        title="Which network overfits more?",
        name="overfits_more",
        check=choice(
            "b",
            "Ten points lie between its two accuracies, one between A's. It is the "
            "better network all the same.",
            {
                "a": "A is poor on both sets alike: it underfits.",
                "c": "The distance between the two accuracies tells.",
            },
        ),
        hints=("Compare the distance between training and new photographs.",),
        solution='overfits_more = "b"',
        wrong=(
            WrongAnswer('overfits_more = "a"', "underfits"),
            WrongAnswer('overfits_more = "c"', "distance"),
        ),
    ),
    Exercise(
        id="11.1",
        title="He's rule for a convolution",
        name="he_std",
        check=check_he_std,
        hints=(
            "One output of a convolution is a sum over a window of all maps it reads.",
            "n = kernel · kernel · channels.",
            "The variance is 2 / n; the standard deviation is its root.",
        ),
        solution="""
def he_std(kernel, channels, filters):
    return np.sqrt(2 / (kernel * kernel * channels))
""",
        wrong=(
            WrongAnswer(
                "def he_std(kernel, channels, filters):\n"
                "    return 2 / (kernel**2 * channels)",
                "variance",
            ),
            WrongAnswer(
                "def he_std(kernel, channels, filters):\n"
                "    return (1 / (kernel**2 * channels)) ** 0.5",
                "removes half",
            ),
            WrongAnswer(
                "def he_std(kernel, channels, filters):\n"
                "    return (2 / (kernel**2 * filters)) ** 0.5",
                "not by its filters",
            ),
            WrongAnswer(
                "def he_std(kernel, channels, filters):\n"
                "    return (2 / channels) ** 0.5",
                "whole window",
            ),
            WrongAnswer(
                "def he_std(kernel, channels, filters):\n"
                "    return (2 / (kernel**2 * (channels + filters))) ** 0.5",
                "Glorot",
            ),
        ),
    ),
    Exercise(
        id="11.2",
        title="The gradient of a chain",
        name="chain_gradient",
        check=check_chain,
        hints=(
            "The slope of a sigmoid that gives s is s(1 − s).",
            "Without skips: np.prod(weights * s * (1 - s)).",
            "With skips each factor has a 1 more, before the product is taken.",
        ),
        solution="""
def chain_gradient(weights, s, skip=False):
    factors = weights * s * (1 - s)
    return np.prod(1 + factors if skip else factors)
""",
        wrong=(
            WrongAnswer(
                "def chain_gradient(weights, s, skip=False):\n"
                "    return np.prod(s * (1 - s) + skip)",
                "weight is a factor",
            ),
            WrongAnswer(
                "def chain_gradient(weights, s, skip=False):\n"
                "    return np.prod(weights * s + skip)",
                "its slope is",
            ),
            WrongAnswer(
                "def chain_gradient(weights, s, skip=False):\n"
                "    return np.sum(weights * s * (1 - s)) + skip",
                "multiply",
            ),
            WrongAnswer(
                "def chain_gradient(weights, s, skip=False):\n"
                "    return np.prod(weights * s * (1 - s)) + skip",
                "belongs to every factor",
            ),
            WrongAnswer(
                "def chain_gradient(weights, s, skip=False):\n"
                "    return np.prod(weights * s * (1 - s))",
                "changes each factor",
            ),
        ),
        right=(
            "def chain_gradient(weights, s, skip=False):\n"
            "    result = 1.0\n"
            "    for w, h in zip(weights, s):\n"
            "        result *= (1 if skip else 0) + w * h * (1 - h)\n"
            "    return [result]",
        ),
    ),
    Exercise(
        id="11.3",
        title="The size of a dense block",
        name="dense_block_size",
        check=check_dense_block,
        hints=(
            "Layer number i, counted from 0, reads start + i · growth maps.",
            "It gives growth maps, so it has 9 · reads · growth weights.",
            "Add that up over i = 0 … count − 1; at the end start + count · growth.",
        ),
        solution="""
def dense_block_size(start, growth, count):
    weights = sum(9 * (start + i * growth) * growth for i in range(count))
    return weights, start + count * growth
""",
        wrong=(
            WrongAnswer(
                "def dense_block_size(start, growth, count):\n"
                "    return 9 * start * growth * count, start + count * growth",
                "reads more",
            ),
            WrongAnswer(
                "def dense_block_size(start, growth, count):\n"
                "    w = sum(9 * (start + i * growth) * growth\n"
                "            for i in range(1, count + 1))\n"
                "    return w, start + count * growth",
                "its own maps",
            ),
            WrongAnswer(
                "def dense_block_size(start, growth, count):\n"
                "    w = sum(9 * (start + i * growth) * growth for i in range(count))\n"
                "    return w, count * growth",
                "kept too",
            ),
            WrongAnswer(
                "def dense_block_size(start, growth, count):\n"
                "    w = sum(9 * (start + i * growth) * (start + i * growth + growth)\n"
                "            for i in range(count))\n"
                "    return w, start + count * growth",
                "cost nothing",
            ),
        ),
    ),
    Exercise(
        id="11.4",
        title="Which network is plain?",
        name="plain_with_batchnorm",
        check=check_plain,
        hints=(
            "In one row all numbers are tiny, in another they depend on the layer "
            "most.",
            "Look at section 4's right panel again: which line has a slope?",
        ),
        solution=f'plain_with_batchnorm = "{LETTERS[1]}"',
        wrong=(
            WrongAnswer(f'plain_with_batchnorm = "{LETTERS[0]}"', "without BatchNorm"),
            WrongAnswer(f'plain_with_batchnorm = "{LETTERS[2]}"', "depend least"),
        ),
    ),
]
