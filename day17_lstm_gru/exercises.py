"""Checks, hints and solutions of Day 17."""

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
    number,
    refuse_blank,
    whole_number,
)

SETUP = "import numpy as np"


def _sigmoid(z):
    return 1 / (1 + math.exp(-z))


def _step(x, h, c):
    """Section 2's cell: i, f, g, o and the new c and h."""
    i, f = _sigmoid(x - 2 * h), _sigmoid(0.5 * x + h + 1)
    g, o = math.tanh(-x), _sigmoid(x + h - 0.5)
    c = f * c + i * g
    return f, c, o * math.tanh(c)


_FORGET, _CELL, _HIDDEN = _step(1.0, 0.5, 0.8)
_, _SECOND, _SHOWN = _step(0.0, _HIDDEN, _CELL)


def check_second_cell_state(answer):
    expect_number(
        answer,
        _SECOND,
        {
            _SHOWN: "That is h after the second step; the cell state is asked for.",
            _CELL: "That is c after the first step. What does the forget gate do?",
            _FORGET * _CELL: "That is the first step's forget gate; it is computed "
            "anew from x = 0 and the new h.",
            _step(0.0, 0.5, _CELL)[1]: "h has changed: the gate reads the h that the "
            "first step left, not 0.5.",
            _step(0.0, _HIDDEN, 0.8)[1]: "The belt holds the c that the first step "
            "left, not 0.8 any more.",
            _sigmoid(1) * _CELL: "The input is 0, but h is not: u h belongs to the "
            "gate as well.",
            _step(1.0, _HIDDEN, _CELL)[1]: "The second step's input is 0, not 1.",
        },
        otherwise="With x = 0 the candidate is tanh(0). So only the forget gate, "
        "sigmoid(u h + b), and the old c count.",
    )
    return "The candidate is 0, so the belt only fades, by the new forget gate."


def check_count_parameters(count_parameters):
    for inputs, units in ((3, 5), (32, 64), (1, 1)):
        lstm, gru = expect_parts(
            count_parameters(inputs, units),
            2,
            "Return two numbers: the LSTM's and the GRU's.",
        )
        refuse_blank([lstm, gru])
        lstm = whole_number(lstm, "The LSTM's count")
        gru = whole_number(gru, "The GRU's count")
        one = units * (inputs + units)
        want = 4 * (one + units), 3 * (one + 2 * units)
        if (lstm, gru) == want:
            continue
        where = f"For {inputs} inputs and {units} units: "
        if lstm == one + units:
            raise Wrong(where + "that is one part; an LSTM has four of them.")
        if lstm == 4 * one:
            raise Wrong(where + "the LSTM's biases are missing.")
        if lstm == 4 * (units * inputs + units):
            raise Wrong(where + "each part reads the hidden state too.")
        if lstm == 3 * (one + units):
            raise Wrong(where + "the candidate has weights too: four parts.")
        if lstm == 4 * (one + 2 * units):
            raise Wrong(where + "an LSTM has one row of biases; the GRU has two.")
        if lstm != want[0]:
            raise Wrong(where + f"the LSTM has {want[0]}, you say {lstm}.")
        if gru == 3 * (one + units):
            raise Wrong(
                where + "with reset_after=True the GRU has two rows of biases, one on "
                "the side of the input and one on that of the state."
            )
        if gru == 2 * (one + 2 * units):
            raise Wrong(where + "two gates and a candidate are three parts.")
        raise Wrong(where + f"the GRU has {want[1]}, you say {gru}.")
    return "At equal width a GRU has about three quarters of an LSTM's weights."


def check_half_life(half_life):
    for f in (0.5, 0.9, 0.99, 0.25):
        got = half_life(f)
        refuse_blank(got)
        want = math.log(0.5) / math.log(f)
        known = {
            math.log(f) / math.log(0.5): "That is upside down: with f = 0.9 it would "
            "be less than one step.",
            math.log(2) / math.log(f): "The number of steps is positive: mind the "
            "sign of the logarithm of 1/2.",
            0.5 / (1 - f): "Each step takes away a share of what is left, not of the "
            "beginning: solve f to the power k = 1/2.",
            1 / (1 - f): "After that many steps about 1/e is left; half is asked for.",
            f**0.5: "f to the power 1/2 is half a step. Solve f to the power k = 1/2.",
        }
        if not math.isclose(number(got), want, rel_tol=1e-6) and math.isclose(
            number(got), math.ceil(want), rel_tol=1e-9
        ):
            continue
        apart = {v: why for v, why in known.items() if not math.isclose(v, want)}
        expect_number(
            got,
            want,
            apart,
            otherwise=f"For f = {f} it is not right: f to the power k is 1/2.",
        )
    return (
        "A gate at 0.73 halves its content about every two steps, one at 0.95 every "
        "fourteen."
    )


def check_to_keras_order(to_keras_order):
    i, o, f, g = (np.arange(6.0).reshape(2, 3) + 10 * k for k in range(1, 5))
    for stored, want in (
        (np.concatenate([i, o, f, g], axis=1), np.concatenate([i, f, g, o], axis=1)),
        (
            np.concatenate([one[0] for one in (i, o, f, g)]),
            np.concatenate([one[0] for one in (i, f, g, o)]),
        ),
    ):
        got = to_keras_order(stored.copy())
        parts = np.split(stored, 4, axis=-1)

        def joined(order, parts=parts):
            return np.concatenate([parts[k] for k in order], axis=-1)

        expect_close(
            got,
            want,
            "the reordered array",
            known=[
                (stored, "Nothing has moved: o stands second in ONNX, last in Keras."),
                (
                    joined((0, 3, 1, 2)),
                    "That is the way back: it brings i, f, g, o into ONNX' order.",
                ),
                (joined((0, 2, 1, 3)), "f has its place; g and o are exchanged."),
                (joined((0, 3, 2, 1)), "o has its place; f and g are exchanged."),
            ],
        )
    return "All shapes fit in a wrong order too: only a check of the values sees it."


_FAULTS = {
    "A": "padding read",
    "B": "gates swapped",
    "C": "read backwards",
    "D": "forget bias",
}


def check_diagnosis(answer):
    why = {
        "D": "In D one kind of gate is nearly shut, at every word.",
        "B": "In B two columns hold what the healthy row has, the other way round.",
        "A": "Only in A zeros at the end change the answer: who should not see them?",
        "C": "C's gates are as open as ever and zeros change nothing: the cell works. "
        "What does it work on?",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return "No fault raised an error; a look at the gates tells two of them."


EXERCISES = [
    Exercise(
        id="17.r1",
        title="Recall: a gradient 50 steps back",
        name="recall_1",
        check=choice(
            "b",
            "One Jacobian a step, so the size changes by a product.",
            {
                "a": "Nothing divides by the steps; the chain rule multiplies.",
                "c": "Sums arise where roads meet; along one road the chain rule "
                "multiplies.",
            },
        ),
        hints=("What does the chain rule do with a function of a function?",),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "multiplies"),
            WrongAnswer('recall_1 = "c"', "along one road"),
        ),
    ),
    Exercise(
        id="17.r2",
        title="Recall: the slope of the sigmoid",
        name="recall_2",
        check=choice(
            "c",
            "s (1 - s) is largest at s = 1/2.",
            {
                "a": "That is tanh's slope at 0.",
                "b": "That is the sigmoid's value at 0, not its slope.",
            },
        ),
        hints=("It is s (1 - s). Where is that largest?",),
        solution='recall_2 = "c"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "tanh"),
            WrongAnswer('recall_2 = "b"', "value"),
        ),
    ),
    Exercise(
        id="17.r3",
        title="Recall: what clipping helps against",
        name="recall_3",
        check=choice(
            "a",
            "It shortens a long gradient; a vanished one it leaves as it is.",
            {
                "b": "Clipping only shortens; what has vanished stays so.",
                "c": "It only shortens, so it cannot help one that is too small.",
            },
        ),
        hints=("Does clipping ever make a gradient longer?",),
        solution='recall_3 = "a"',
        wrong=(
            WrongAnswer('recall_3 = "b"', "only shortens"),
            WrongAnswer('recall_3 = "c"', "too small"),
        ),
    ),
    Exercise(
        id="17.1",
        title="A second step by hand",
        name="second_cell_state",
        check=check_second_cell_state,
        hints=(
            "With x = 0 and u = 0 the candidate is tanh(0) = 0: nothing is written.",
            "The forget gate is sigmoid(1.0 · h + 1), with the h that was printed.",
            "Multiply the printed c by it.",
        ),
        solution="""
forget = 1 / (1 + np.exp(-(1.0 * 0.229 + 1)))
second_cell_state = forget * 0.324
""",
        wrong=(
            WrongAnswer("second_cell_state = 0.106", "after the second step"),
            WrongAnswer("second_cell_state = 0.324", "after the first step"),
            WrongAnswer("second_cell_state = 0.285", "computed anew"),
            WrongAnswer("second_cell_state = 0.237", "u h belongs"),
            WrongAnswer("second_cell_state = 0.8", "only the forget gate"),
        ),
        right=("second_cell_state = 0.25", 'second_cell_state = "0.251"'),
    ),
    Exercise(
        id="17.2",
        title="Parameters of an LSTM and a GRU",
        name="count_parameters",
        check=check_count_parameters,
        hints=(
            "One part is a Dense layer of m units that reads d inputs and m states.",
            "That is m (d + m) weights and m biases. How many parts has each cell?",
            "Four parts for the LSTM, three for the GRU, which has 2 m biases a part.",
        ),
        solution="""
def count_parameters(inputs, units):
    one = units * (inputs + units)
    return 4 * (one + units), 3 * (one + 2 * units)
""",
        wrong=(
            WrongAnswer(
                "def count_parameters(d, m):\n"
                "    return 4 * (m * (d + m) + m), 3 * (m * (d + m) + m)",
                "two rows of biases",
            ),
            WrongAnswer(
                "def count_parameters(d, m):\n"
                "    return m * (d + m) + m, m * (d + m) + m",
                "four of them",
            ),
            WrongAnswer(
                "def count_parameters(d, m):\n"
                "    return 4 * m * (d + m), 3 * m * (d + m)",
                "biases are missing",
            ),
            WrongAnswer(
                "def count_parameters(d, m):\n"
                "    return 4 * (m * (d + m) + m), 2 * (m * (d + m) + 2 * m)",
                "three parts",
            ),
            WrongAnswer(
                "def count_parameters(d, m):\n"
                "    return 4 * (m * d + m), 3 * (m * d + 2 * m)",
                "hidden state too",
            ),
        ),
        right=(
            "def count_parameters(d, m):\n"
            "    return [4 * ((d + m + 1) * m), 3.0 * ((d + m + 2) * m)]",
        ),
    ),
    Exercise(
        id="17.3",
        title="Weights in another order",
        name="to_keras_order",
        check=check_to_keras_order,
        hints=(
            "np.split(w, 4, axis=-1) gives i, o, f, g.",
            "np.concatenate puts them together in the order that you list them.",
        ),
        solution="""
def to_keras_order(w):
    i, o, f, g = np.split(w, 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)
""",
        wrong=(
            WrongAnswer("def to_keras_order(w):\n    return w", "Nothing has moved"),
            WrongAnswer(
                "def to_keras_order(w):\n"
                "    i, f, g, o = np.split(w, 4, axis=-1)\n"
                "    return np.concatenate([i, o, f, g], axis=-1)",
                "way back",
            ),
            WrongAnswer(
                "def to_keras_order(w):\n"
                "    i, o, f, g = np.split(w, 4, axis=-1)\n"
                "    return np.concatenate([i, f, o, g], axis=-1)",
                "g and o are exchanged",
            ),
            WrongAnswer(
                "def to_keras_order(w):\n"
                "    i, o, f, g = np.split(w, 4, axis=-1)\n"
                "    return np.concatenate([i, g, f, o], axis=-1)",
                "f and g are exchanged",
            ),
        ),
        right=(
            "def to_keras_order(w):\n"
            "    return np.array_split(w, 4, axis=-1) and np.concatenate(\n"
            "        [np.split(w, 4, axis=-1)[k] for k in (0, 2, 3, 1)], axis=-1\n"
            "    ).tolist()",
        ),
    ),
    Exercise(
        id="17.4",
        title="The half-life of a cell state",
        name="half_life",
        check=check_half_life,
        hints=(
            "After k steps the share f · f · … · f = f to the power k is left.",
            "Set it to 1/2 and take logarithms on both sides.",
        ),
        solution="""
def half_life(f):
    return np.log(0.5) / np.log(f)
""",
        wrong=(
            WrongAnswer(
                "def half_life(f):\n    return np.log(f) / np.log(0.5)", "upside down"
            ),
            WrongAnswer("def half_life(f):\n    return 0.5 / (1 - f)", "what is left"),
            WrongAnswer("def half_life(f):\n    return 1 / (1 - f)", "1/e"),
            WrongAnswer("def half_life(f):\n    return np.log(2) / np.log(f)", "sign"),
        ),
        right=("def half_life(f):\n    return [-1 / np.log2(f)]",),
    ),
    Exercise(
        id="17.5",
        title="Four faults of one LSTM",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Begin with the last column: who reads the appended zeros?",
            "Compare the two columns of gates with the healthy row.",
            "One patient's cell is healthy: it is given something else to read.",
        ),
        solution="""
diagnosis = {"A": "padding read", "B": "gates swapped", "C": "read backwards",
             "D": "forget bias"}
""",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "forget bias", "B": "gates swapped",\n'
                '             "C": "read backwards", "D": "padding read"}',
                "nearly shut",
            ),
            WrongAnswer(
                'diagnosis = {"A": "padding read", "B": "read backwards",\n'
                '             "C": "gates swapped", "D": "forget bias"}',
                "other way round",
            ),
            WrongAnswer(
                'diagnosis = {"A": "read backwards", "B": "gates swapped",\n'
                '             "C": "padding read", "D": "forget bias"}',
                "zeros at the end",
            ),
            WrongAnswer('diagnosis = {"A": "padding read"}', "the keys"),
        ),
    ),
]
