"""Checks, hints and solutions of Day 5."""

import re

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_close,
    expect_number,
    expect_parts,
    number,
)

SETUP = '''
import functools

import numpy as np
from keras import Sequential, layers
from numpy.lib.stride_tricks import sliding_window_view
import keras

class Reader:
    """Stands in for a trained network: knows the labels, forgets a share of them."""
    def __init__(self, parameters, right):
        self.parameters, self.right = parameters, right

    def count_params(self):
        return self.parameters

    def __call__(self, images, training):
        labels = np.rint(images[:, 0, 0, 0] * 10).astype(int)
        wrong = np.arange(len(labels)) >= self.right * len(labels)
        return np.eye(10)[(labels + wrong) % 10]

class cifar:
    train = valid = None

EPOCHS = 5

def train(build, train_set, valid_set, seed, epochs, peak=2e-3, validate_every=1):
    return Reader(build().count_params(), right=0.6), {}

y_valid = np.arange(100) % 10
x_valid = np.zeros((100, 32, 32, 3), "float32")
x_valid[:, 0, 0, 0] = y_valid / 10
mlp = Reader(394_634, right=0.5)
'''


def colleagues_batch(x, y):
    """Return 64 digits as a colleague prepared them, (images, labels): exercise 5.4.

    Do not read on before you have found the reason by looking at the arrays.
    """
    return x[:64] / 255, y[:64]


def check_output_shape(answer):
    if isinstance(answer, str):
        answer = re.findall(r"[\d.]+", answer)
    try:
        sides = tuple(map(number, answer))
    except (TypeError, Wrong):
        raise Wrong(
            "Answer with four numbers: (batch, height, width, channels)."
        ) from None
    if len(sides) != 4:
        raise Wrong(
            "A batch of feature maps has four axes: batch, height, width, channels."
        )
    got = tuple(map(int, sides))
    if got != sides:
        raise Wrong("A side is a whole number of pixels: round as the text says.")
    known = {
        (8, 28, 28, 16): 'With strides=2, "same" halves each side: ceil(28 / 2).',
        (8, 12, 12, 16): 'That is padding="valid": floor((28 - 5) / 2) + 1.',
        (8, 13, 13, 16): 'With "same" the kernel size does not matter: ceil(28 / 2).',
        (8, 14, 14, 6): "The channels of the output are the filters, 16 of them.",
        (8, 14, 14, 96): "A filter sums over all 6 channels: 16 filters, 16 maps.",
        (8, 14, 14, 22): "Filters replace the channels, they are not added to them.",
        (16, 14, 14, 8): "The batch stays first and the channels are last.",
        (8, 16, 14, 14): "Keras puts the channels last, behind height and width.",
    }
    if got != (8, 14, 14, 16):
        raise Wrong(
            known.get(
                got, "Batch as it was, ceil(28 / stride) on each side, 16 filters."
            )
        )
    return "Half the side, a quarter of the places."


def _dilated(x, w, rate):
    span = (w.shape[0] - 1) * rate + 1
    windows = sliding_window_view(x, (span, span), axis=(1, 2))
    windows = windows[..., ::rate, ::rate].transpose(0, 1, 2, 4, 5, 3)
    return np.tensordot(windows, w, axes=3)


def check_dilated_conv(dilated_conv_np):
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(2, 8, 9, 3)), rng.normal(size=(3, 3, 3, 4))
    plain = dilated_conv_np(x.copy(), w.copy(), 1)
    expect_close(
        plain,
        _dilated(x, w, 1),
        "the output for rate=1",
        [
            (
                _dilated(x, w[::-1, ::-1], 1),
                "The kernel is flipped: weight (i, j) reads the pixel at (+i, +j).",
            ),
            (
                _dilated(x, w.transpose(1, 0, 2, 3), 1),
                "Rows and columns of the kernel are exchanged.",
            ),
            (
                np.tensordot(sliding_window_view(x, (3, 3), axis=(1, 2)), w, axes=3),
                "sliding_window_view leaves the channels before the window's rows and "
                "columns, the kernel has them behind: transpose, then tensordot.",
            ),
        ],
    )
    got = dilated_conv_np(x.copy(), w.copy(), 2)
    expect_close(
        got,
        _dilated(x, w, 2),
        "the output for rate=2",
        [
            (
                _dilated(x, w, 1),
                "The rate has no effect: space the kernel's pixels out.",
            ),
            (
                _dilated(x, w, 1)[:, ::2, ::2],
                "That is a stride: it skips outputs. Dilation skips pixels inside a "
                "window and keeps every output.",
            ),
            (
                _dilated(x, w, 2)[:, ::2, ::2],
                "Dilated, but strided too: the windows should move by one pixel.",
            ),
            (
                _dilated(x, w, 3),
                "One too far: rate 2 reads every second pixel, it does not skip two.",
            ),
            (
                _dilated(x, w, 2)[:, :-1, :-1],
                "The window is too wide, so outputs are lost at the rim: k pixels with "
                "k - 1 steps of `rate` between them span (k - 1) · rate + 1.",
            ),
        ],
    )
    expect_close(dilated_conv_np(x.copy(), w.copy(), 3), _dilated(x, w, 3), "rate=3")
    return "Nine weights, and the receptive field of a 5 × 5 kernel, or of 7 × 7."


def check_pair_parameters(answer):
    if isinstance(answer, (list, tuple, np.ndarray)) and np.size(answer) == 2:
        answer = sum(map(number, answer))  # depthwise and pointwise, one by one
    expect_number(
        answer,
        9 * 64 + 64 * 128 + 128,
        {
            9 * 64
            + 64 * 128: "The pointwise convolution has biases: one a filter, 128.",
            9 * 64 + 64 + 64 * 128 + 128: "The depthwise half has no bias here.",
            9
            + 64 * 128
            + 128: "Each of the 64 channels has a 3 × 3 kernel of its own.",
            9 * 64 * 64 + 64 * 128 + 128: (
                "A depthwise kernel reads its own channel only: 9 weights, not 9 · 64."
            ),
            9 * 64 + 64 * 128 + 64: "A bias goes with each of the 128 filters.",
            9 * 64 * 128
            + 128: "That is the ordinary 3 × 3 convolution without its pair.",
            73_856 - 8_896: "That is what the pair saves. What does it still learn?",
            9 * 64 + 9 * 64 * 128 + 128: "Pointwise means 1 × 1: no factor 9 there.",
            9 * 64 + 128 + 128: "Each pointwise filter reads all 64 channels.",
        },
        rtol=1e-9,
        otherwise="Depthwise: 9 weights a channel. Pointwise: (1 · 1 · 64 + 1) · 128.",
    )
    return "8,896, an eighth: space and channels are mixed one after the other."


EXERCISES = [
    Exercise(
        id="5.r1",
        title="Recall: permuted pixels",
        name="recall_1",
        check=choice(
            "c",
            "A Dense layer has a weight for each pixel and does not know their order.",
            {
                "a": "The test digits are permuted alike, so nothing is lost.",
                "b": "A Dense layer's weights can be permuted along: nothing is lost.",
            },
        ),
        hints=(
            "What does x @ W + b change if you permute the columns of x?",
            "Permute the rows of W in the same way: the sums are the same.",
            "Every network on the old digits has a twin on the new ones.",
        ),
        solution='recall_1 = "c"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "permuted alike"),
            WrongAnswer('recall_1 = "b"', "permuted along"),
            WrongAnswer('recall_1 = "d"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="5.r2",
        title="Recall: He's initialisation",
        name="recall_2",
        check=choice(
            "b",
            "√(2 / 200) = 0.1; the 2 makes up for the half that ReLU silences.",
            {
                "a": "That is 1 / 200; the variance is 2 / fan_in, and std its root.",
                "c": "That is √(1 / 200); ReLU silences half, hence the 2.",
            },
        ),
        hints=(
            "The variance of the weights is 2 / fan_in.",
            "The standard deviation is the square root of the variance.",
            "√(2 / 200) = √0.01.",
        ),
        solution='recall_2 = "b"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "std its root"),
            WrongAnswer('recall_2 = "c"', "ReLU silences half"),
        ),
    ),
    Exercise(
        id="5.r3",
        title="Recall: dropout at prediction",
        name="recall_3",
        check=choice(
            "a",
            "The survivors were already divided by 0.6 in training.",
            {
                "b": "That is dropout as first published; the inverted kind scales in "
                "training.",
                "c": "Division by 0.6 happens to the survivors, in training only.",
            },
        ),
        hints=(
            "Inverted dropout keeps the expected output the same in training.",
            "In training the survivors are divided by 1 - 0.4.",
            "So at prediction there is nothing left to correct.",
        ),
        solution='recall_3 = "a"',
        wrong=(
            WrongAnswer('recall_3 = "b"', "inverted kind"),
            WrongAnswer('recall_3 = "c"', "in training only"),
        ),
    ),
    Exercise(
        id="5.1",
        title="The shape of a convolution's output",
        name="output_shape",
        check=check_output_shape,
        hints=(
            "Which of the four numbers do kernel, stride and filters change?",
            'With padding="same" a side of H pixels becomes ceil(H / stride).',
            "The last number is the number of filters, the first stays.",
        ),
        solution="output_shape = (8, 14, 14, 16)",
        wrong=(
            WrongAnswer("output_shape = (8, 28, 28, 16)", "halves each side"),
            WrongAnswer("output_shape = (8, 12, 12, 16)", "valid"),
            WrongAnswer("output_shape = (8, 13, 13, 16)", "does not matter"),
            WrongAnswer("output_shape = (8, 14, 14, 6)", "are the filters"),
            WrongAnswer("output_shape = (8, 14, 14, 96)", "sums over all 6"),
            WrongAnswer("output_shape = (8, 14, 14, 22)", "not added"),
            WrongAnswer("output_shape = (16, 14, 14, 8)", "stays first"),
            WrongAnswer("output_shape = (8, 16, 14, 14)", "channels last"),
            WrongAnswer("output_shape = (8, 14.5, 14.5, 16)", "whole number"),
            WrongAnswer("output_shape = (14, 14, 16)", "four axes"),
            WrongAnswer("output_shape = 14", "four numbers"),
        ),
        right=(
            "output_shape = [8, 14, 14, 16.0]",
            "output_shape = np.array([8, 14, 14, 16])",
            "output_shape = '(8, 14, 14, 16)'",
        ),
    ),
    Exercise(
        id="5.2",
        title="A dilated convolution",
        name="dilated_conv_np",
        check=check_dilated_conv,
        hints=(
            "The output has (k - 1) · rate rows and columns fewer than the image.",
            "Loop over the places (i, j) of the kernel, as im2col_np does: weight "
            "(i, j) meets the image moved by (rate · i, rate · j).",
            "Cut that part of the image, rows and columns as many as the output has, "
            "and add part @ w[i, j] to the output: @ sums over the channels.",
        ),
        solution="""
def dilated_conv_np(x, w, rate):
    rows, columns = (side - (len(w) - 1) * rate for side in x.shape[1:3])
    z = 0
    for i, j in np.ndindex(len(w), len(w)):
        down, across = slice(rate * i, rate * i + rows), slice(rate * j, None)
        z = z + x[:, down, across][:, :, :columns] @ w[i, j]
    return z
""",
        wrong=(
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    v = sliding_window_view(x, (3, 3), axis=(1, 2))\n"
                "    return np.tensordot(v.transpose(0, 1, 2, 4, 5, 3), w, axes=3)",
                "rate has no effect",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    v = sliding_window_view(x, (3, 3), axis=(1, 2))\n"
                "    v = v[:, ::rate, ::rate].transpose(0, 1, 2, 4, 5, 3)\n"
                "    return np.tensordot(v, w, axes=3)",
                "That is a stride",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    span = 2 * rate + 1\n"
                "    v = sliding_window_view(x, (span, span), axis=(1, 2))\n"
                "    v = v[:, ::rate, ::rate, :, ::rate, ::rate]\n"
                "    return np.tensordot(v.transpose(0, 1, 2, 4, 5, 3), w, axes=3)",
                "strided too",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    step = rate + (rate > 1)\n"
                "    span = 2 * step + 1\n"
                "    v = sliding_window_view(x, (span, span), axis=(1, 2))\n"
                "    v = v[..., ::step, ::step].transpose(0, 1, 2, 4, 5, 3)\n"
                "    return np.tensordot(v, w, axes=3)",
                "One too far",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    span = 2 * rate + 1\n"
                "    v = sliding_window_view(x, (span, span), axis=(1, 2))\n"
                "    v = v[..., ::-rate, ::-rate].transpose(0, 1, 2, 4, 5, 3)\n"
                "    return np.tensordot(v, w, axes=3)",
                "flipped",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    span = 2 * rate + 1\n"
                "    v = sliding_window_view(x, (span, span), axis=(1, 2))\n"
                "    v = v[..., ::rate, ::rate].transpose(0, 1, 2, 5, 4, 3)\n"
                "    return np.tensordot(v, w, axes=3)",
                "exchanged",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    span = 2 * rate + 1\n"
                "    v = sliding_window_view(x, (span, span), axis=(1, 2))\n"
                "    return np.tensordot(v[..., ::rate, ::rate], w, axes=3)",
                "transpose, then tensordot",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    span = 3 * rate\n"
                "    v = sliding_window_view(x, (span, span), axis=(1, 2))\n"
                "    v = v[..., ::rate, ::rate].transpose(0, 1, 2, 4, 5, 3)\n"
                "    return np.tensordot(v, w, axes=3)",
                "The window is too wide",
            ),
            WrongAnswer(
                "def dilated_conv_np(x, w, rate):\n"
                "    return np.tensordot(x, w, axes=3)",
                "stopped with",
            ),
        ),
    ),
    Exercise(
        id="5.3",
        title="Count a depthwise-separable pair",
        name="pair_parameters",
        check=check_pair_parameters,
        hints=(
            "Count the two layers one after the other.",
            "Depthwise: 64 kernels of 3 × 3 weights, nothing else.",
            "Pointwise: 128 filters, each with 1 · 1 · 64 weights and a bias.",
        ),
        solution="pair_parameters = 3 * 3 * 64 + (64 + 1) * 128",
        wrong=(
            WrongAnswer("pair_parameters = 9*64 + 64*128", "has biases"),
            WrongAnswer("pair_parameters = 9*64 + 64 + 64*128 + 128", "no bias here"),
            WrongAnswer("pair_parameters = 9 + 64*128 + 128", "kernel of its own"),
            WrongAnswer("pair_parameters = 9*64*64 + 64*128 + 128", "own channel only"),
            WrongAnswer("pair_parameters = 9*64 + 64*128 + 64", "each of the 128"),
            WrongAnswer("pair_parameters = 73_856", "ordinary 3 × 3"),
            WrongAnswer("pair_parameters = 73_856 - 8_896", "what the pair saves"),
            WrongAnswer("pair_parameters = 9*64 + 9*64*128 + 128", "no factor 9"),
            WrongAnswer("pair_parameters = 9*64 + 128 + 128", "reads all 64"),
            WrongAnswer("pair_parameters = 10_000", "9 weights a channel"),
            WrongAnswer("pair_parameters = 8_800", "has biases"),
        ),
        right=(
            "pair_parameters = 8_900",
            "pair_parameters = '8,896'",
            "pair_parameters = (576, 8_320)",
            "pair_parameters = np.array([9 * 64, 65 * 128])",
            "pair_parameters = 8896.0",
        ),
    ),
    Exercise(
        id="5.4",
        title="A loss that does not fall",
        name="diagnosis",
        check=choice(
            "b",
            "The images are almost blank, so all activations, and with them the "
            "gradients of all kernels, are some 255 times too small. Only the "
            "biases learn: how often each digit occurs.",
            {
                "a": "64 images can be learned by heart with wrong labels too: the "
                "loss would fall. Compare y_sick with our labels as well.",
                "c": "A tanh saturates for large inputs. What is x_sick.max()?",
                "d": "Our digits are learned with the same rate. Look at the inputs.",
            },
        ),
        hints=(
            "What can the loss still do if the labels are wrong, on only 64 images?",
            "Print the smallest and the largest pixel of x_sick and of our digits.",
            "Gradients: value_and_grad(model, loss, x_sick, y_sick) beside ours. Which "
            "are small, those of the kernels or those of the biases?",
        ),
        solution='diagnosis = "b"',
        wrong=(
            WrongAnswer('diagnosis = "a"', "learned by heart"),
            WrongAnswer('diagnosis = "c"', "large inputs"),
            WrongAnswer('diagnosis = "d"', "same rate"),
            WrongAnswer('diagnosis = "tired"', "Answer with one of"),
        ),
    ),
]


def _refuse_other_shapes(network, images):
    """Say in words what a network of another input or output shape does wrong."""
    try:
        logits = network(images, training=False)
    except Exception as error:
        wanted = getattr(network, "input_shape", None)
        if wanted in (None, (None, *images.shape[1:])):
            raise
        raise Wrong(
            f"Your network takes {wanted[1:]}; a photograph has {images.shape[1:]}."
        ) from error
    if isinstance(logits, (list, tuple, dict)):
        raise Wrong(f"Your network has {len(logits)} outputs; one is asked for.")
    if tuple(logits.shape) != (len(images), 10):
        raise Wrong(
            f"For {len(images)} photographs your network gives numbers of shape "
            f"{tuple(logits.shape)}; 10 each are asked for, a logit for every class."
        )


def check_small(answer):
    small, mlp, x_valid, y_valid = expect_parts(
        answer, 4, "Hand in (small, mlp, x_valid, y_valid)."
    )
    if isinstance(small, (list, tuple)) and small:
        small = small[0]  # train() returns the model with its history
    if not hasattr(small, "count_params"):
        raise Wrong(
            "small should be the trained Keras model, not a function that builds it "
            "or a history."
        )
    weights = getattr(small, "trainable_weights", None)
    parameters = (
        small.count_params()
        if weights is None
        else int(sum(np.prod(weight.shape) for weight in weights))
    )
    if parameters >= 30_000:
        raise Wrong(
            f"It learns {parameters:,} numbers; fewer than 30,000 are asked for."
        )

    def accuracy(network):
        logits = [
            keras.ops.convert_to_numpy(network(x_valid[i : i + 500], training=False))
            for i in range(0, len(x_valid), 500)
        ]
        return np.mean(np.concatenate(logits).argmax(axis=1) == y_valid)

    _refuse_other_shapes(small, x_valid[:2])
    ours, theirs = accuracy(small), accuracy(mlp)
    if ours <= 0.15:
        raise Wrong(f"It is right in {ours:.0%}: was it trained, and on these labels?")
    if ours <= theirs:
        raise Wrong(f"It is right in {ours:.1%}, Day 1's network in {theirs:.1%}.")
    return (
        f"{ours:.1%} with {parameters:,} numbers, against {theirs:.1%} with "
        f"{mlp.count_params():,}."
    )


EXERCISES.append(
    Exercise(
        id="5.5",
        title="A smaller network",
        name="small",
        answer="(small, mlp, x_valid, y_valid)",
        check=check_small,
        hints=(
            "The first Dense layer reads 8 · 8 · 128 numbers. A third pool leaves a "
            "quarter of the places.",
            "Three times Conv-Pool with 24 to 32 filters, then Dense(10) alone.",
            "Keep the Rescaling layer. If it falls short, train for more epochs.",
        ),
        solution="""
def build_small():
    conv = functools.partial(layers.Conv2D, padding="same", activation="relu")
    return keras.Sequential([
        layers.Input((32, 32, 3)),
        layers.Rescaling(4.0, -2.0),
        conv(24, 5), layers.MaxPooling2D(),
        conv(32, 3), layers.MaxPooling2D(),
        conv(32, 3), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dense(10),
    ])


small, _ = train(build_small, cifar.train, cifar.valid, seed=0, epochs=2 * EPOCHS)
""",
        wrong=(
            WrongAnswer("small = Reader(1_100_000, right=0.75)", "fewer than 30,000"),
            WrongAnswer("small = Reader(30_000, right=0.75)", "fewer than 30,000"),
            WrongAnswer("small = Reader(20_000, right=0.4)", "Day 1's network in"),
            WrongAnswer("small = Reader(20_000, right=0.1)", "was it trained"),
            WrongAnswer("small = {'accuracy': [0.6]}", "the trained Keras model"),
            WrongAnswer("def small():\n    return Reader(20_000, 0.6)", "a function"),
            WrongAnswer(
                "small = Sequential([layers.Input((32, 32, 3)), layers.Flatten(),"
                " layers.Dense(3)])",
                "shape (2, 3)",
            ),
            WrongAnswer(
                "small = Sequential([layers.Input((28, 28, 1)), layers.Flatten(),"
                " layers.Dense(10)])",
                "takes (28, 28, 1)",
            ),
            WrongAnswer(
                "i = layers.Input((32, 32, 3)); f = layers.Flatten()(i)\n"
                "small = keras.Model(i, [layers.Dense(3)(f) for _ in range(3)])",
                "3 outputs",
            ),
            WrongAnswer(
                "small = Sequential([layers.Input((32, 32, 3)), layers.Conv2D(10, 3)])",
                "shape (2, 30, 30, 10)",
            ),
        ),
        right=(
            "small = Reader(29_999, right=0.55)",
            "small = (Reader(20_000, right=0.6), {'val_accuracy': [0.6]})",
            "small = [Reader(20_000, right=0.6)]",
        ),
    )
)
