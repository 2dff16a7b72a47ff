"""Checks, hints and solutions of Day 14."""

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
)

SETUP = """
import numpy as np
"""


def check_stack(stack_of_threes):
    for side in (11, 7, 5, 3):
        layers, ratio = expect_parts(
            stack_of_threes(side),
            2,
            "Return two numbers: (layers of 3 × 3, weights of the stack over those of "
            "the one kernel).",
        )
        right = (side - 1) // 2
        known = {
            side // 3: "A stack does not see the sum of its kernels: the first layer "
            "sees 3 pixels, and each further one adds 2.",
            right + 1: "The first layer sees 3 pixels already.",
            right - 1: "Count again from the top: one unit needs 3, they need 5.",
        }
        known = {value: why for value, why in known.items() if value != right}
        expect_number(
            layers,
            right,
            known,
            otherwise=f"For side={side} the number of layers is not right: each layer "
            "adds one pixel on every side.",
        )
        share = 9 * right / side**2
        known = {
            1 / share: "That is the one kernel over the stack.",
            3 * right / side**2: "A kernel of 3 × 3 has nine weights a pair of maps.",
            9 / side**2: "That is one layer of the stack; add up all of them.",
            1 - share: "That is what the stack saves.",
        }
        known = {v: why for v, why in known.items() if not np.isclose(v, share)}
        expect_number(
            ratio,
            share,
            known,
            otherwise=f"For side={side} the ratio of the weights is not right. The "
            "number of maps cancels.",
        )
    return "The larger the one kernel, the smaller the stack's share."


_ROWS = np.array([1.0, -1.0] * 9)
_FILTERS = np.stack(
    [_ROWS, np.r_[9.0, np.zeros(17)], np.full(18, 0.4), -1.1 * np.ones(18),
     np.full(18, 0.05)], axis=-1,
).reshape(3, 3, 2, 5)  # fmt: skip
"""Five filters whose order by magnitudes, squares, sums and maxima all differ."""


def check_prune_filters(prune_filters):
    following = np.random.default_rng(14).normal(size=(3, 3, 5, 4))
    for count, right in ((2, [0, 3]), (3, [0, 1, 3]), (1, [3])):
        kernel, after = expect_parts(
            prune_filters(_FILTERS.copy(), following.copy(), count),
            2,
            "Return two arrays: (the kernel, the following kernel).",
        )
        kernel, after = np.asarray(kernel, float), np.asarray(after, float)
        sums = np.abs(_FILTERS).sum(axis=(0, 1, 2))
        others = {
            "in their old order": np.argsort(-sums)[:count],
            "the smallest": np.argsort(sums)[:count],
            "sum of squares": np.argsort(-(_FILTERS**2).sum(axis=(0, 1, 2)))[:count],
            "without their signs": np.argsort(-_FILTERS.sum(axis=(0, 1, 2)))[:count],
            "largest single": np.argsort(-np.abs(_FILTERS).max(axis=(0, 1, 2)))[:count],
            "from the front": np.arange(count),
        }
        reasons = {
            "in their old order": "The right filters, but not in their old order.",
            "the smallest": "These are the smallest filters; keep the largest.",
            "sum of squares": "The rule is the sum of magnitudes, not of squares.",
            "without their signs": "Add the weights without their signs: "
            "a filter of negative weights is not small.",
            "largest single": "The rule sums all weights of a filter; this is the "
            "largest single one.",
            "from the front": "These are the first filters, whatever their weights.",
        }
        if kernel.shape[:2] + kernel.shape[3:] != (3, 3, count):
            raise Wrong(
                f"The kernel's shape should be {(3, 3, 2, count)}: filters lie along "
                "the last axis."
            )
        if kernel.shape[2] != 2:
            raise Wrong("The kernel still reads both of its maps: leave that axis.")
        if not np.allclose(kernel, _FILTERS[..., right]):
            for key, chosen in others.items():
                chosen = sorted(chosen) if key != "in their old order" else chosen
                if np.allclose(kernel, _FILTERS[..., chosen]):
                    raise Wrong(reasons[key])
            raise Wrong("These are not the filters of the largest sums of magnitudes.")
        if after.shape == following.shape:
            raise Wrong(
                "The following convolution reads maps that no longer come: cut it too."
            )
        if after.shape != (3, 3, count, 4):
            raise Wrong(
                "The following kernel loses *inputs*, which lie along its third axis: "
                f"its shape should be {(3, 3, count, 4)}."
            )
        if not np.allclose(after, following[:, :, right]):
            raise Wrong("The following kernel must keep the kept filters' inputs.")
    return "Both kernels shrink, so this kind of pruning saves time as well."


def check_dense(answer):
    first, pooled = expect_parts(
        answer, 2, "Answer with two numbers: the first Dense layer, and after pooling."
    )
    here = 14 * 14 * 512 * 4096
    expect_number(
        first,
        here,
        {
            here / 4: "That is the layer for 224 × 224; larger photographs leave "
            "larger maps.",
            here / 2: "Both sides of the map double.",
            14 * 14 * 512: "So many numbers does each of the 4,096 units read.",
            448 * 448 * 512 * 4096: "Five poolings halve the sides before that layer.",
        },
        otherwise="The first one is not right: which side have the last maps, and how "
        "many numbers does each of the 4,096 units read?",
    )
    expect_number(
        pooled,
        512 * 1000,
        {
            512 * 4096: "After the pooling stands one Dense layer, of 1,000 units.",
            14 * 14 * 512 * 1000: "Global pooling leaves one number a map.",
            4 * 512 * 1000: "Global pooling leaves one number a map, however large the "
            "map is.",
            512: "So many numbers are left; each of the 1,000 units reads them all.",
        },
        otherwise="The second one is not right: how many numbers does global average "
        "pooling leave?",
    )
    return "The second does not depend on the photograph's size."


_CAUSES = (
    "valid padding",
    "flatten in place of pooling",
    "threshold for each layer",
    "mask lost in fine-tuning",
)


def check_causes(answer):
    expect_causes(
        answer,
        dict(zip("ABCD", _CAUSES, strict=True)),
        {
            "A": "Between two poolings, too, the maps become smaller.",
            "B": "Which layer's weights grow with the side of its maps?",
            "C": "The same share everywhere: where did it come from?",
            "D": "How can a weight that was cut have a value again?",
        },
    )
    return "Four faults that raise no error, or raise it far from their cause."


EXERCISES = [
    Exercise(
        id="14.r1",
        title="Weights of a convolution",
        name="weights_of_conv",
        check=choice(
            "c",
            "Nine places, 64 maps read, 128 filters.",
            {
                "a": "Nine places for each of 128 filters; each filter reads 64 maps.",
                "b": "That is a kernel of 1 × 1.",
            },
        ),
        hints=("Each of the 128 filters has a window of 3 × 3 over all 64 maps.",),
        solution='weights_of_conv = "c"',
        wrong=(
            WrongAnswer('weights_of_conv = "a"', "reads 64 maps"),
            WrongAnswer('weights_of_conv = "b"', "1 × 1"),
        ),
    ),
    Exercise(
        id="14.r2",
        title="First weights and ReLU",
        name="weight_variance",
        check=choice(
            "b",
            "The sum's mean square doubles, and ReLU removes half of it.",
            {
                "a": "That keeps the sum's mean square; then ReLU removes half of it.",
                "c": "More inputs need smaller weights, not larger ones.",
            },
        ),
        hints=(
            "A sum of n products has n times the variance of one.",
            "What does ReLU do to the negative half of the sums?",
        ),
        solution='weight_variance = "b"',
        wrong=(
            WrongAnswer('weight_variance = "a"', "ReLU removes half"),
            WrongAnswer('weight_variance = "c"', "smaller weights"),
        ),
    ),
    Exercise(
        id="14.r3",
        title="What BatchNorm trains",
        name="batchnorm_trains",
        check=choice(
            "b",
            "A scale and a shift for each map; its averages are not trained.",
            {
                "a": "Each map has a scale *and* a shift.",
                "c": "That counts the running averages too, which no gradient moves.",
            },
        ),
        hints=("Which numbers of BatchNorm does the gradient move?",),
        solution='batchnorm_trains = "b"',
        wrong=(
            WrongAnswer('batchnorm_trains = "a"', "*and* a shift"),
            WrongAnswer('batchnorm_trains = "c"', "no gradient moves"),
        ),
    ),
    Exercise(
        id="14.1",
        title="A stack in place of one kernel",
        name="stack_of_threes",
        check=check_stack,
        hints=(
            "One layer of 3 × 3 sees 3 pixels a side, and each further one 2 more.",
            "Layers: (side − 1) / 2.",
            "A layer has 9 weights a pair of maps, the one kernel side · side.",
        ),
        solution="""
def stack_of_threes(side):
    layers = (side - 1) // 2
    return layers, 9 * layers / side**2
""",
        right=(
            "def stack_of_threes(side):\n"
            "    seen, layers = 1, 0\n"
            "    while seen < side:\n"
            "        seen, layers = seen + 2, layers + 1\n"
            "    return np.array([layers, layers * 3 * 3 / side / side])",
        ),
        wrong=(
            WrongAnswer(
                "def stack_of_threes(side):\n"
                "    return side // 3, 9 * (side // 3) / side**2",
                "sum of its kernels",
            ),
            WrongAnswer(
                "def stack_of_threes(side):\n"
                "    n = (side + 1) // 2\n"
                "    return n, 9 * n / side**2",
                "3 pixels already",
            ),
            WrongAnswer(
                "def stack_of_threes(side):\n"
                "    n = (side - 1) // 2\n"
                "    return n, side**2 / (9 * n)",
                "over the stack",
            ),
            WrongAnswer(
                "def stack_of_threes(side):\n"
                "    n = (side - 1) // 2\n"
                "    return n, 3 * n / side**2",
                "nine weights",
            ),
            WrongAnswer(
                "def stack_of_threes(side):\n    return (side - 1) // 2, 9 / side**2",
                "one layer of the stack",
            ),
            WrongAnswer(
                "def stack_of_threes(side):\n    return (side - 1) // 2",
                "Return two numbers",
            ),
        ),
    ),
    Exercise(
        id="14.2",
        title="Prune whole filters",
        name="prune_filters",
        check=check_prune_filters,
        hints=(
            "A filter's sum of magnitudes: np.abs(kernel).sum(axis=(0, 1, 2)).",
            "np.sort(np.argsort(sums)[-count:]) are the kept ones in their order.",
            "The last axis of `kernel` and the third axis of `following` belong to the "
            "same maps.",
        ),
        solution="""
def prune_filters(kernel, following, count):
    sums = np.abs(kernel).sum(axis=(0, 1, 2))
    keep = np.sort(np.argsort(sums)[-count:])
    return kernel[..., keep], following[:, :, keep]
""",
        right=(
            "def prune_filters(kernel, following, count):\n"
            "    sums = np.abs(kernel).sum((0, 1, 2))\n"
            "    keep = sums >= np.sort(sums)[-count]\n"
            "    kernel, following = kernel[..., keep], following[:, :, keep, :]\n"
            "    return [kernel.astype('float32'), following.astype('float32')]",
        ),
        wrong=tuple(
            WrongAnswer(
                "def prune_filters(kernel, following, count):\n"
                f"    keep = {keep}\n"
                f"    return {back}",
                reason,
            )
            for keep, back, reason in (
                (
                    "np.argsort(-np.abs(kernel).sum((0, 1, 2)))[:count]",
                    "kernel[..., keep], following[:, :, keep]",
                    "old order",
                ),
                (
                    "np.sort(np.argsort(np.abs(kernel).sum((0, 1, 2)))[:count])",
                    "kernel[..., keep], following[:, :, keep]",
                    "keep the largest",
                ),
                (
                    "np.sort(np.argsort((kernel**2).sum((0, 1, 2)))[-count:])",
                    "kernel[..., keep], following[:, :, keep]",
                    "of squares",
                ),
                (
                    "np.sort(np.argsort(kernel.sum((0, 1, 2)))[-count:])",
                    "kernel[..., keep], following[:, :, keep]",
                    "without their signs",
                ),
                (
                    "np.arange(count)",
                    "kernel[..., keep], following[:, :, keep]",
                    "first filters",
                ),
                (
                    "np.sort(np.argsort(np.abs(kernel).sum((0, 1, 2)))[-count:])",
                    "kernel[..., keep], following",
                    "no longer come",
                ),
                (
                    "np.sort(np.argsort(np.abs(kernel).sum((0, 1, 2)))[-count:])",
                    "kernel[..., keep], following[..., keep]",
                    "third axis",
                ),
                (
                    "np.sort(np.argsort(np.abs(kernel).sum((0, 1, 3)))[-count:])",
                    "kernel[:, :, keep], following[:, :, keep]",
                    "last axis",
                ),
            )
        ),
    ),
    Exercise(
        id="14.3",
        title="Larger photographs",
        name="dense_weights",
        check=check_dense,
        hints=(
            "Five poolings: 448 becomes 14.",
            "Each unit of the first Dense layer reads 14 · 14 · 512 numbers.",
            "Global average pooling leaves 512 numbers, whatever the side.",
        ),
        solution="dense_weights = 14 * 14 * 512 * 4096, 512 * 1000",
        right=("dense_weights = [4.1e8, '512,000']",),
        wrong=(
            WrongAnswer(
                "dense_weights = 7 * 7 * 512 * 4096, 512 * 1000", "for 224 × 224"
            ),
            WrongAnswer(
                "dense_weights = 14 * 7 * 512 * 4096, 512 * 1000", "Both sides"
            ),
            WrongAnswer(
                "dense_weights = 14 * 14 * 512 * 4096, 14 * 14 * 512 * 1000",
                "one number a map",
            ),
            WrongAnswer(
                "dense_weights = 14 * 14 * 512 * 4096, 512 * 4096", "of 1,000 units"
            ),
            WrongAnswer("dense_weights = 411_041_792", "two numbers"),
        ),
    ),
    Exercise(
        id="14.4",
        title="Four networks in trouble",
        name="causes",
        check=check_causes,
        hints=(
            "A: a convolution without padding makes each side two pixels shorter.",
            "B: one layer holds most parameters. Which one can that be?",
            "C: a global threshold leaves early layers more than late ones.",
            "D: after a step without a mask every weight has a value.",
        ),
        solution="""
causes = {"A": "valid padding", "B": "flatten in place of pooling",
          "C": "threshold for each layer", "D": "mask lost in fine-tuning"}
""",
        wrong=tuple(
            WrongAnswer(f"causes = dict(zip('ABCD', {given}, strict=True))", reason)
            for given, reason in (
                ([_CAUSES[1], *_CAUSES[1:]], "Between two"),
                ([_CAUSES[0], _CAUSES[2], *_CAUSES[2:]], "side of its maps"),
                ([*_CAUSES[:2], _CAUSES[3], _CAUSES[3]], "share everywhere"),
                ([*_CAUSES[:3], _CAUSES[2]], "was cut"),
                ([*_CAUSES[:3], "bad luck"], "not one of"),
            )
        ),
    ),
]
