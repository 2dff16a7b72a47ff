"""Checks, hints and solutions of Day 13."""

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
    whole_number,
)

SETUP = """
import numpy as np
"""


def check_break_even(break_even):
    for kernel, channels, filters in ((5, 192, 32), (3, 64, 64), (7, 20, 100)):
        area = kernel**2
        right = area * channels * filters / (channels + area * filters)
        known = {
            channels * filters / (channels + filters): "A kernel has kernel × kernel "
            "places.",
            kernel * channels * filters / (channels + kernel * filters): "A kernel has "
            "kernel × kernel places, not kernel.",
            channels: "The 1 × 1 convolution itself costs something, too.",
            filters: "Set both formulas equal and solve for r.",
            channels + area * filters: "That is the cost of one map of the reduction. "
            "How many of them fit into the direct cost?",
            1 / right: "That is the inverse.",
        }
        expect_number(
            break_even(kernel, channels, filters),
            right,
            {v: why for v, why in known.items() if abs(v - right) > 1e-9},
            digits=3,
            otherwise=f"For a {kernel} × {kernel} kernel from {channels} to {filters} "
            f"maps both ways cost the same at {right:.4g} maps.",
        )
    return "Any reduction narrower than that saves multiplications."


def size_of(c_in, one, r3, three, r5, five, pooled):
    """Weights and biases of a module, by its six convolutions."""
    steps = ((1, c_in, one), (1, c_in, r3), (3, r3, three), (1, c_in, r5))
    steps += ((5, r5, five), (1, c_in, pooled))
    return sum((k**2 * reads + 1) * gives for k, reads, gives in steps)


def check_module_size(module_size):
    for plan in ((192, 64, 96, 128, 16, 32, 32), (10, 3, 4, 5, 2, 7, 6)):
        c_in, one, r3, three, r5, five, pooled = plan
        right = size_of(*plan)
        got, maps = expect_parts(
            module_size(*plan),
            2,
            "Return two numbers: (weights and biases, maps of the output).",
        )
        biases = one + r3 + three + r5 + five + pooled
        known = {
            right - biases: "Each filter has a bias, too.",
            right - biases + one + three + five + pooled: "The reductions have biases "
            "as well.",
            right - (c_in + 1) * pooled: "The pool branch has a 1 × 1 convolution.",
            right - (c_in + 1) * (r3 + r5): "The two reductions are missing.",
            c_in * (one + 9 * three + 25 * five + pooled)
            + one
            + three
            + five
            + pooled: "That is a module without reductions.",
            c_in * (one + r3 + 9 * three + r5 + 25 * five + pooled)
            + biases: "After a reduction the large kernel reads r3 or r5 maps, not "
            "all of them.",
            c_in * (one + r3 + r5 + pooled)
            + 3 * r3 * three
            + 5 * r5 * five
            + biases: "A kernel has 3 × 3 or 5 × 5 places.",
        }
        expect_number(
            got,
            right,
            {v: why for v, why in known.items() if v != right},
            digits=6,
            otherwise=f"For {plan} the number of weights and biases is not right: go "
            "through the six convolutions, one after the other.",
        )
        end = one + three + five + pooled
        expect_number(
            maps,
            end,
            {
                biases: "The reductions' maps stay inside their branch.",
                end - pooled + c_in: "After the pool's 1 × 1 convolution that branch "
                "gives `pooled` maps.",
                end - pooled: "The pool branch gives maps, too.",
                end + c_in: "A module does not hand its input on.",
            },
            digits=6,
            otherwise="The output is what the four branches give, side by side.",
        )
    return "Six convolutions, of which four are 1 × 1."


FAULTS = {
    "A": "stride missing",
    "B": "wrong axis",
    "C": "head left in",
    "D": "padding missing",
}


def check_faults(faults):
    expect_causes(
        faults,
        FAULTS,
        {
            "C": "It is not stopped by a shape, so the fault is in how it is measured.",
            "B": "All its branches have the same places. What has to agree for a "
            "concatenation, and what may differ?",
            "D": "Its last branch lost one place at each border.",
            "A": "One of its branches has twice as many places a side as the others.",
        },
        "faults",
    )
    return "Two of the four would have been found by printing the branches' shapes."


def check_design(design):
    parts = expect_parts(
        design, 6, "Give six numbers: (one, r3, three, r5, five, pooled)."
    )
    one, r3, three, r5, five, pooled = (
        whole_number(part, "Each number of maps") for part in parts
    )
    if min(one, r3, three, r5, five, pooled) < 1:
        raise Wrong("Each number of maps is at least 1.")
    for have, need, what in (
        (three, 160, "the 3 × 3 branch"),
        (five, 48, "the 5 × 5 branch"),
        (pooled, 32, "the pool branch"),
        (one + three + five + pooled, 512, "the module"),
    ):
        if have < need:
            raise Wrong(f"{what} gives {have} maps; {need} are asked for.")
    for have, gives, what in ((r3, three, "3 × 3"), (r5, five, "5 × 5")):
        if 3 * have < gives:
            raise Wrong(
                f"The reduction before the {what} keeps {have} maps for {gives}: that "
                "is less than a third."
            )
    cost = 14**2 * (480 * (one + r3 + r5 + pooled) + 9 * r3 * three + 25 * r5 * five)
    if cost > 60e6:
        raise Wrong(
            f"It takes {cost / 1e6:.1f} million multiplications; 60 are allowed. Which "
            "branch gives a map at the lowest price?"
        )
    return f"{one + three + five + pooled} maps for {cost / 1e6:.1f} million."


EXERCISES = [
    Exercise(
        id="13.r1",
        title="Global average pooling",
        name="numbers_given",
        check=choice(
            "a",
            "One number a map, its mean.",
            {
                "b": "Those are the places of one map; they are averaged away.",
                "c": "That is a Flatten, which keeps every place of every map.",
            },
        ),
        hints=("Each map becomes one number.",),
        solution='numbers_given = "a"',
        wrong=(
            WrongAnswer('numbers_given = "b"', "averaged away"),
            WrongAnswer('numbers_given = "c"', "Flatten"),
        ),
    ),
    Exercise(
        id="13.r2",
        title="A map's side without padding",
        name="side_of_maps",
        check=choice(
            "b",
            "The window of three fits at 32 − 3 + 1 places.",
            {
                "a": "That takes a rim of zeros around the photograph.",
                "c": "The last window begins at place 29, counted from 0. How many "
                "places are that?",
            },
        ),
        hints=("Where can a window of three begin, so that it does not reach out?",),
        solution='side_of_maps = "b"',
        wrong=(
            WrongAnswer('side_of_maps = "a"', "rim of zeros"),
            WrongAnswer('side_of_maps = "c"', "counted from 0"),
        ),
    ),
    Exercise(
        id="13.r3",
        title="Worse on the training set",
        name="called_what",
        check=choice(
            "c",
            "It contains the shallower network, and training does not find it.",
            {
                "a": "A network that overfits is good on its training photographs.",
                "b": "That is one ReLU that is silent for every input.",
            },
        ),
        hints=("Overfitting shows on new photographs; this shows on old ones.",),
        solution='called_what = "c"',
        wrong=(
            WrongAnswer('called_what = "a"', "good on its training"),
            WrongAnswer('called_what = "b"', "silent"),
        ),
    ),
    Exercise(
        id="13.1",
        title="Where a reduction stops to pay",
        name="break_even",
        check=check_break_even,
        hints=(
            "Write both costs down and set them equal.",
            "On one side r can be taken out: r · (channels + kernel² · filters).",
            "Divide kernel² · channels · filters by that bracket.",
        ),
        solution="""
def break_even(kernel, channels, filters):
    area = kernel**2
    return area * channels * filters / (channels + area * filters)
""",
        wrong=(
            WrongAnswer(
                "def break_even(kernel, channels, filters):\n"
                "    return channels * filters / (channels + filters)",
                "kernel × kernel places",
            ),
            WrongAnswer(
                "def break_even(kernel, channels, filters):\n"
                "    k = kernel\n"
                "    return k * channels * filters / (channels + k * filters)",
                "not kernel",
            ),
            WrongAnswer(
                "def break_even(kernel, channels, filters):\n    return channels",
                "itself costs",
            ),
            WrongAnswer(
                "def break_even(kernel, channels, filters):\n"
                "    return channels + kernel**2 * filters",
                "one map of the reduction",
            ),
            WrongAnswer(
                "def break_even(kernel, channels, filters):\n"
                "    return 1 / channels + 1 / (kernel**2 * filters)",
                "inverse",
            ),
        ),
        right=(
            "def break_even(kernel, channels, filters):\n"
            "    return [1 / (1 / channels + 1 / (kernel**2 * filters))]",
        ),
    ),
    Exercise(
        id="13.2",
        title="The size of a module",
        name="module_size",
        check=check_module_size,
        hints=(
            "There are six convolutions; list what each reads and what it gives.",
            "A convolution has (kernel² · reads + 1) · gives weights and biases.",
            "Reads and gives: c_in → one, c_in → r3 → three, c_in → r5 → five, "
            "c_in → pooled. The output holds one, three, five and pooled.",
        ),
        solution="""
def module_size(c_in, one, r3, three, r5, five, pooled):
    steps = [(1, c_in, one), (1, c_in, r3), (3, r3, three), (1, c_in, r5),
             (5, r5, five), (1, c_in, pooled)]
    size = sum((k**2 * reads + 1) * gives for k, reads, gives in steps)
    return size, one + three + five + pooled
""",
        wrong=(
            WrongAnswer(
                "def module_size(c_in, one, r3, three, r5, five, pooled):\n"
                "    w = c_in * (one + r3 + r5 + pooled) + 9 * r3 * three\n"
                "    return w + 25 * r5 * five, one + three + five + pooled",
                "a bias",
            ),
            WrongAnswer(
                "def module_size(c_in, one, r3, three, r5, five, pooled):\n"
                "    w = c_in * (one + 9 * three + 25 * five + pooled)\n"
                "    maps = one + three + five + pooled\n"
                "    return w + maps, maps",
                "without reductions",
            ),
            WrongAnswer(
                "def module_size(c_in, one, r3, three, r5, five, pooled):\n"
                "    w = (c_in + 1) * (one + r3 + r5) + (9 * r3 + 1) * three\n"
                "    return w + (25 * r5 + 1) * five, one + three + five + pooled",
                "pool branch has a 1 × 1",
            ),
            WrongAnswer(
                "def module_size(c_in, one, r3, three, r5, five, pooled):\n"
                "    w = (c_in + 1) * (one + r3 + r5 + pooled)\n"
                "    w += (9 * r3 + 1) * three + (25 * r5 + 1) * five\n"
                "    return w, one + three + five + pooled + r3 + r5",
                "stay inside",
            ),
            WrongAnswer(
                "def module_size(c_in, one, r3, three, r5, five, pooled):\n"
                "    w = (c_in + 1) * (one + r3 + r5 + pooled)\n"
                "    w += (9 * r3 + 1) * three + (25 * r5 + 1) * five\n"
                "    return w, one + three + five + c_in",
                "gives `pooled` maps",
            ),
        ),
    ),
    Exercise(
        id="13.3",
        title="A module on a budget",
        name="design",
        check=check_design,
        hints=(
            "Start from GoogLeNet's own: (192, 96, 208, 16, 48, 64), 73.6 million.",
            "The 3 × 3 and its reduction cost most: bring both down.",
            "Maps of the 1 × 1 branch cost 480 multiplications a place, those of a "
            "reduced 3 × 3 cost 9 · r3 and their share of the reduction.",
        ),
        solution="design = (224, 64, 192, 16, 48, 48)",
        wrong=(
            WrongAnswer("design = (192, 96, 208, 16, 48, 64)", "60 are allowed"),
            WrongAnswer("design = (300, 64, 128, 16, 48, 48)", "3 × 3 branch gives"),
            WrongAnswer("design = (224, 40, 192, 16, 48, 48)", "less than a third"),
            WrongAnswer("design = (192, 64, 192, 16, 48, 48)", "the module gives"),
            WrongAnswer("design = (224, 64, 192, 16, 48)", "six numbers"),
        ),
        right=("design = [256, 60, 176, 16, 48, 32]",),
    ),
    Exercise(
        id="13.4",
        title="Four faulty modules",
        name="faults",
        check=check_faults,
        hints=(
            "For a concatenation along the channels rows and columns must agree; the "
            "number of maps may differ.",
            "Half the places, the same places, one place less at each border: which "
            "setting makes each?",
            "C's loss is larger than that of its own last logits: something else is "
            "added.",
        ),
        solution=f"faults = {FAULTS!r}",
        wrong=(
            WrongAnswer(f"faults = {FAULTS | {'C': 'wrong axis'}!r}", "measured"),
            WrongAnswer(
                f"faults = {FAULTS | {'B': 'padding missing'}!r}", "may differ"
            ),
            WrongAnswer(
                f"faults = {FAULTS | {'D': 'stride missing'}!r}", "each border"
            ),
            WrongAnswer(
                f"faults = {FAULTS | {'A': 'padding missing'}!r}", "twice as many"
            ),
        ),
    ),
]
