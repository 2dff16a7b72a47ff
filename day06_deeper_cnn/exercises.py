"""Checks, hints and solutions of Day 6."""

import math

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_close,
    expect_number,
)

SETUP = """
import numpy as np
"""


def check_separable(separable_cost):
    sizes = (3, 16, 32, 10, 12), (5, 8, 8, 4, 4), (1, 6, 2, 3, 5)
    for k, c_in, c_out, rows, columns in sizes:
        got = separable_cost(k, c_in, c_out, rows, columns)
        try:
            parameters, products = (float(value) for value in got)
        except (TypeError, ValueError):
            raise Wrong("Return two numbers: (parameters, multiplications).") from None
        places = rows * columns
        case = f"k={k}, {c_in} -> {c_out} channels, {rows} × {columns}"
        expect_number(
            parameters,
            (k * k + 1) * c_in + (c_in + 1) * c_out,
            {
                k * k * c_in + c_in * c_out: "Both layers have biases, one a filter.",
                (k * k * c_in + 1) * c_out: "That is an ordinary convolution. A "
                "depthwise filter reads one channel.",
                (k * k * c_in + 1) * c_in + (c_in + 1) * c_out: "A depthwise filter "
                "reads one channel, k · k numbers, not all of them.",
                (k * k + 1) * c_in + c_in * c_out: "The 1 × 1 convolution has biases "
                "too.",
                k * k * c_in + (c_in + 1) * c_out: "The depthwise convolution has a "
                "bias for each channel.",
                places * (k * k * c_in + c_in * c_out): "These are the "
                "multiplications; the parameters come first.",
            },
            otherwise=f"Parameters for {case}: c_in filters of k · k and a bias, then "
            "c_out filters of c_in weights and a bias.",
        )
        expect_number(
            products,
            places * (k * k * c_in + c_in * c_out),
            {
                k * k * c_in + c_in * c_out: "That is for one place: there are "
                "rows · columns of them.",
                2 * places * (k * k * c_in + c_in * c_out): "Multiplications alone are "
                "asked for, without the additions.",
                places * (k * k * c_in * c_out): "That is an ordinary convolution.",
                places * ((k * k + 1) * c_in + (c_in + 1) * c_out): "A bias is added, "
                "not multiplied.",
            },
            otherwise=f"Multiplications for {case}: at each place k · k for each "
            "channel, then c_in for each of the c_out filters.",
        )
    return (
        "With many channels the pair costs 1 / c_out + 1 / k² of the ordinary "
        "convolution: about a ninth for 3 × 3."
    )


def check_class_maps(class_maps_np):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(5, 6))
    b = rng.normal(size=6)
    right = x @ w + b
    expect_close(
        class_maps_np(x.copy(), w.copy(), b.copy()),
        right,
        "the maps",
        known=[
            (x @ w, "The biases are missing: they belong to every place."),
            (
                right / 12,
                "The mean divides by the places already; do not divide again.",
            ),
            (
                x @ w + b / 12,
                "The mean of a constant is the constant: add the whole bias "
                "everywhere.",
            ),
            (
                x.mean(axis=(1, 2)) @ w + b,
                "These are the logits. The maps still have rows and columns.",
            ),
            (np.maximum(right, 0), "No ReLU: the mean of cut maps is another number."),
        ],
    )
    return "The mean and the Dense layer are both linear, so their order is free."


check_lacking = choice(
    "neighbours",
    "A 1 × 1 kernel reads one place, and the mean forgets the order of places: the "
    "network sees how often each colour occurs, and no shape.",
    {
        "depth": "It has five layers, as many as Day 5's network and more. What does "
        "shuffling the pixels change?",
        "nonlinearity": "Each convolution has a ReLU. What does shuffling the pixels "
        "change?",
        "parameters": "It has some 30,000; LeNet does better with 60,000. What does "
        "shuffling the pixels change?",
    },
)


def check_design(design):
    try:
        specification = [tuple(int(number) for number in layer) for layer in design]
        if not specification or any(len(layer) != 3 for layer in specification):
            raise ValueError
    except (TypeError, ValueError):
        raise Wrong("Give a list of layers (kernel, stride, filters).") from None
    if any(min(layer) < 1 for layer in specification):
        raise Wrong("Kernel, stride and filters are whole numbers from 1 on.")
    side, channels, sees, apart, parameters, flops = 32, 3, 1, 1, 0, 0
    for kernel, stride, filters in specification:
        side = math.ceil(side / stride)
        sees, apart = sees + (kernel - 1) * apart, apart * stride
        parameters += (kernel**2 * channels + 1) * filters
        flops += 2 * side**2 * kernel**2 * channels * filters
        channels = filters
    parameters += (channels + 1) * 10
    flops += side**2 * channels + 2 * channels * 10
    found = (
        f"{parameters:,} parameters, {flops / 1e6:.1f} million FLOPs, {channels} maps "
        f"of {side} × {side}, each number sees {sees} pixels a side"
    )
    for missed, advice in (
        (parameters > 60_000, "Fewer channels, above all in the last layers."),
        (flops > 10e6, "Halve the side earlier: a stride of 2 quarters the places."),
        (channels < 64, "The last layer needs 64 filters or more."),
        (sees < 28, "Strides in early layers let later kernels see further."),
    ):
        if missed:
            raise Wrong(f"{advice} (So far: {found}.)")
    return f"{found}."


EXERCISES = [
    Exercise(
        id="6.r1",
        title="Weights of a convolution",
        name="weights_of_conv",
        check=choice(
            "a",
            "(3 · 3 · 16 + 1) · 32.",
            {
                "b": "Each of the 32 filters has a bias too.",
                "c": "A filter reads all 16 channels.",
            },
        ),
        hints=("One filter: k · k weights for each input channel, and a bias.",),
        solution='weights_of_conv = "a"',
        wrong=(
            WrongAnswer('weights_of_conv = "b"', "bias"),
            WrongAnswer('weights_of_conv = "c"', "16 channels"),
        ),
    ),
    Exercise(
        id="6.r2",
        title="The receptive field of three layers",
        name="receptive_field",
        check=choice(
            "b",
            "Each layer adds two: 3, 5, 7.",
            {
                "a": "Neighbouring windows overlap: a layer adds k - 1, not k.",
                "c": "That is one layer; the next ones see its neighbours too.",
            },
        ),
        hints=("With stride 1 a layer adds k - 1 pixels.",),
        solution='receptive_field = "b"',
        wrong=(
            WrongAnswer('receptive_field = "a"', "overlap"),
            WrongAnswer('receptive_field = "c"', "one layer"),
        ),
    ),
    Exercise(
        id="6.r3",
        title="Dropout at prediction time",
        name="at_prediction",
        check=choice(
            "c",
            "The surviving units were scaled in training, so nothing is left to do.",
            {
                "a": "That was the original form. Inverted dropout scales in training.",
                "b": "Doubling happens in training, to the units that survive.",
            },
        ),
        hints=("The *inverted* form of Day 4.",),
        solution='at_prediction = "c"',
        wrong=(
            WrongAnswer('at_prediction = "a"', "Inverted"),
            WrongAnswer('at_prediction = "b"', "in training"),
        ),
    ),
    Exercise(
        id="6.1",
        title="The cost of a separable convolution",
        name="separable_cost",
        check=check_separable,
        hints=(
            "The depthwise convolution has c_in filters, each of k · k weights.",
            "The 1 × 1 convolution has c_out filters, each of c_in weights.",
            "With stride 1 and padding same both are applied at rows · columns places.",
        ),
        solution="""
def separable_cost(k, c_in, c_out, rows, columns):
    parameters = (k * k + 1) * c_in + (c_in + 1) * c_out
    return parameters, rows * columns * (k * k * c_in + c_in * c_out)
""",
        wrong=(
            WrongAnswer(
                "def separable_cost(k, c_in, c_out, rows, columns):\n"
                "    return k * k * c_in + c_in * c_out, 0",
                "have biases",
            ),
            WrongAnswer(
                "def separable_cost(k, c_in, c_out, rows, columns):\n"
                "    return (k * k * c_in + 1) * c_out, 0",
                "ordinary convolution",
            ),
            WrongAnswer(
                "def separable_cost(k, c_in, c_out, rows, columns):\n"
                "    return ((k * k + 1) * c_in + (c_in + 1) * c_out,\n"
                "            k * k * c_in + c_in * c_out)",
                "one place",
            ),
            WrongAnswer(
                "def separable_cost(k, c_in, c_out, rows, columns):\n"
                "    return ((k * k + 1) * c_in + (c_in + 1) * c_out,\n"
                "            2 * rows * columns * (k * k * c_in + c_in * c_out))",
                "without the additions",
            ),
            WrongAnswer(
                "def separable_cost(k, c_in, c_out, rows, columns):\n"
                "    return (k * k + 1) * c_in + (c_in + 1) * c_out",
                "two numbers",
            ),
        ),
    ),
    Exercise(
        id="6.2",
        title="Maps of class scores",
        name="class_maps_np",
        check=check_class_maps,
        hints=(
            "Mean first, then Dense; or Dense at every place, then mean: both linear.",
            "A Dense layer at every place is a 1 × 1 convolution.",
        ),
        solution="""
def class_maps_np(x, w, b):
    return x @ w + b
""",
        wrong=(
            WrongAnswer("def class_maps_np(x, w, b):\n    return x @ w", "biases"),
            WrongAnswer(
                "def class_maps_np(x, w, b):\n"
                "    return (x @ w + b) / (x.shape[1] * x.shape[2])",
                "divide again",
            ),
            WrongAnswer(
                "def class_maps_np(x, w, b):\n    return x.mean(axis=(1, 2)) @ w + b",
                "still have rows",
            ),
            WrongAnswer(
                "def class_maps_np(x, w, b):\n    return np.maximum(x @ w + b, 0)",
                "No ReLU",
            ),
        ),
    ),
    Exercise(
        id="6.3",
        title="A network of 1 × 1 convolutions",
        name="lacking",
        check=check_lacking,
        hints=(
            "Compare the two printed accuracies.",
            "How large is the receptive field of its last convolution?",
        ),
        solution='lacking = "neighbours"',
        wrong=(
            WrongAnswer('lacking = "depth"', "shuffling"),
            WrongAnswer('lacking = "nonlinearity"', "ReLU"),
            WrongAnswer('lacking = "parameters"', "LeNet"),
            WrongAnswer('lacking = "data"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="6.4",
        title="A network under a budget",
        name="design",
        check=check_design,
        hints=(
            "Begin with a stride of 2, as AlexNet did with 4.",
            "After two strides of 2, a 3 × 3 kernel adds 8 pixels to what is seen.",
            "Three strides of 2 and four layers are enough.",
        ),
        solution="design = [(5, 2, 16), (3, 2, 32), (3, 2, 48), (3, 1, 64)]",
        wrong=(
            WrongAnswer("design = [(3, 1, 64), (3, 1, 128)]", "Fewer channels"),
            WrongAnswer("design = [(3, 1, 32), (3, 1, 32), (3, 1, 64)]", "earlier"),
            WrongAnswer("design = [(5, 2, 16), (3, 2, 32)]", "64 filters"),
            WrongAnswer("design = [(3, 2, 16), (3, 2, 64)]", "see further"),
            WrongAnswer("design = [3, 16, 32]", "list of layers"),
            WrongAnswer("design = [(3, 0, 16)]", "from 1 on"),
        ),
    ),
]
