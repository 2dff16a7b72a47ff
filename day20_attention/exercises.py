"""Checks, hints and solutions of Day 20."""

import math

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


def masked_softmax_np(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    largest = scores.max(axis=-1, keepdims=True)
    exps = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    total = exps.sum(axis=-1, keepdims=True)
    return exps / np.where(total > 0, total, 1)
"""

_VALUES = np.array([2.0, 6.0, 9.0])


def _weighted(scores):
    exps = np.exp(scores)
    return float(exps @ _VALUES / exps.sum())


def check_looked_up(answer):
    last = math.log(2)
    expect_number(
        answer,
        6.5,
        {
            _weighted([0, 0, 2 * last]): "The root is missing: divide the scores by "
            "√4 = 2 before the softmax.",
            _weighted([0, 0, last / 2]): "You divided by d_k = 4; divide by its root.",
            9.0: "That is the hard look-up, the value of the best key. The soft one "
            "hands back all values.",
            17 / 3: "That is the mean: it takes equal weights. The third key fits "
            "better.",
            26.0: "The weights have to add up to 1: divide by the sum of the "
            "exponentials.",
            9 * last: "Those are the scores times the values; the softmax is missing.",
            _weighted([0, 0, 0.5]): "exp(ln 2) is 2, not e^0.5: the third score is "
            "ln 2 after the root.",
        },
        otherwise="Scores first: q · k for each key, divided by √4. Then exponentials, "
        "their shares of the sum, and the values weighed with them.",
    )
    return (
        "Weights 1/4, 1/4 and 1/2. Entries of a key that the query ignores do nothing."
    )


def check_divisor(answer):
    expect_number(
        answer,
        24.0,
        {
            4.0: "That is √16, right for variance 1. Here the entries are larger.",
            576.0: "That is the variance of q · k; divide by its root, the standard "
            "deviation.",
            96.0: "The products have standard deviation 6, but a sum of 16 of them "
            "grows like √16, not like 16.",
            16.0: "That is the width; its root is what counts, times the size of the "
            "products.",
            6.0: "That is the standard deviation of one product; there are 16 of them.",
            144.0: "Variances multiply, 4 · 9 = 36, and then take the root: 6 for each "
            "product, not 36.",
            20.0: "The standard deviations multiply in a product; they do not add.",
        },
        otherwise="One product has variance 2² · 3². Add 16 of those, take the root.",
    )
    return (
        "√(16 · 4 · 9) = 24. The root of d_k is right for entries of variance 1 only."
    )


def _softmax(scores, axis=-1):
    exps = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis, keepdims=True)


def check_window_attention(window_attention_np):
    rng = np.random.default_rng(20)
    for width, n, d in ((1, 6, 4), (2, 7, 9), (0, 4, 5)):
        q, k = rng.normal(size=(n, d)), rng.normal(size=(n, d))
        v = rng.normal(size=(n, 3))
        places = np.arange(n)
        gap = places[:, None] - places
        near = np.abs(gap) <= width
        scores = q @ k.T / np.sqrt(d)

        def out(mask, scores=scores, axis=-1, v=v):
            return _softmax(np.where(mask, scores, -1e30), axis) @ v

        want = out(near)
        known = [
            (out(near, q @ k.T), "The root is missing: divide by √d."),
            (out(near, q @ k.T / d), "Divide by the root of d, not by d."),
            (
                out(np.ones_like(near)),
                "Every position looks at all: where is the mask?",
            ),
            (
                (_softmax(scores) * near) @ v,
                "The mask came after the softmax: the weights that are left no longer "
                "add up to 1.",
            ),
            (
                _softmax(scores * near) @ v,
                "A score of 0 is no mask: exp(0) is 1. Masked scores are -∞.",
            ),
            (
                out(np.abs(gap) < width) if width else want + 1,
                "`width` itself belongs to the neighbourhood: ≤, not <.",
            ),
            (
                out((gap >= 0) & near),
                "Neighbours stand on both sides: take the size of i - j.",
            ),
            (
                out((gap <= 0) & near),
                "Neighbours stand on both sides: take the size of i - j.",
            ),
            (
                out(near, k @ q.T / np.sqrt(d)),
                "Rows belong to queries: the scores are q @ k.T, not k @ q.T.",
            ),
            (
                _softmax(np.where(near, scores, -1e30)),
                "Those are the weights; multiply them with v.",
            ),
            (
                _softmax(np.where(near, scores, -1e30), axis=0) @ v,
                "The softmax runs over the keys, the last axis.",
            ),
            (out(~near), "The mask is turned round: True is where one may look."),
        ]
        got = window_attention_np(q.copy(), k.copy(), v.copy(), width)
        expect_close(got, want, f"the output for width {width}", known)
    return (
        "Attention with a mask of its own for each row. Its cost grows with n · width "
        "if the far scores are not computed at all."
    )


_FAULTS = {
    "A": "wrong axis",
    "B": "mask after softmax",
    "C": "no root",
    "D": "no mask",
}


def check_diagnosis(answer):
    why = {
        "A": "A's row sums differ, and some lie above 1. A row of weights adds up to 1 "
        "only if the softmax runs along it.",
        "B": "In B no weight lies on padding, yet no row sum reaches 1: where did the "
        "padding's share go?",
        "D": "D's rows add up to 1, but part of the weight lies on padding.",
        "C": "C's sums and its padding are in order. Compare its largest weights with "
        "those of the healthy one.",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return "Row sums, the weight on padding and the sharpness tell all four apart."


EXERCISES = [
    Exercise(
        id="20.r1",
        title="Recall: an LSTM that only keeps",
        name="cell_state",
        check=choice(
            "b",
            "c is multiplied by 1 and nothing is added: this is how an LSTM keeps.",
            {
                "a": "A forget gate of 1 keeps everything; 0 would forget.",
                "c": "Multiplying by 1 does not make it grow, and nothing is added.",
            },
        ),
        hints=(
            "c_t is forget gate times c_{t-1} plus input gate times the candidate.",
            "1 · c + 0 · candidate, a hundred times.",
        ),
        solution='cell_state = "b"',
        wrong=(
            WrongAnswer('cell_state = "a"', "0 would forget"),
            WrongAnswer('cell_state = "c"', "nothing is added"),
        ),
    ),
    Exercise(
        id="20.r2",
        title="Recall: a softmax with shifted logits",
        name="shifted_softmax",
        check=choice(
            "a",
            "The common factor e^1000 cancels; so the largest may be subtracted first.",
            {
                "b": "Only differences between logits count, and those are unchanged.",
                "c": "Adding does not stretch the differences; multiplying would.",
            },
        ),
        hints=(
            "Write the softmax of z + c: a factor e^c stands above and below.",
            "It cancels.",
        ),
        solution='shifted_softmax = "a"',
        wrong=(
            WrongAnswer('shifted_softmax = "b"', "Only differences"),
            WrongAnswer('shifted_softmax = "c"', "multiplying would"),
        ),
    ),
    Exercise(
        id="20.r3",
        title="Recall: the slope of a saturated sigmoid",
        name="slope",
        check=choice(
            "c",
            "p (1 - p) = 0.999 · 0.001. A decided unit hardly learns.",
            {
                "a": "The slope is p (1 - p), which is never above one quarter.",
                "b": "One quarter is the slope in the middle, where p is one half.",
            },
        ),
        hints=(
            "The slope is p (1 - p).",
            "0.999 · 0.001.",
        ),
        solution='slope = "c"',
        wrong=(
            WrongAnswer('slope = "a"', "never above"),
            WrongAnswer('slope = "b"', "in the middle"),
        ),
    ),
    Exercise(
        id="20.1",
        title="Attention by hand",
        name="looked_up",
        check=check_looked_up,
        hints=(
            "q · k for the three keys: 0, 0 and 2 ln 2. Now the root.",
            "The scores are 0, 0 and ln 2; their exponentials 1, 1 and 2.",
            "(1 · 2 + 1 · 6 + 2 · 9) / 4",
        ),
        solution="looked_up = (1 * 2 + 1 * 6 + 2 * 9) / 4",
        wrong=(
            WrongAnswer("looked_up = (2 + 6 + 4 * 9) / 6", "root is missing"),
            WrongAnswer(
                "looked_up = (2 + 6 + 2**0.5 * 9) / (2 + 2**0.5)", "divided by d_k"
            ),
            WrongAnswer("looked_up = 9", "hard look-up"),
            WrongAnswer("looked_up = 17 / 3", "equal weights"),
            WrongAnswer("looked_up = 26", "add up to 1"),
            WrongAnswer("looked_up = 9 * np.log(2)", "softmax is missing"),
            WrongAnswer("looked_up = 3", "Scores first"),
        ),
    ),
    Exercise(
        id="20.2",
        title="A scale for other entries",
        name="divisor",
        check=check_divisor,
        hints=(
            "What is the variance of one product of independent entries of mean 0?",
            "2² · 3² = 36; the sum of 16 has variance 576.",
            "Divide by the standard deviation, √576.",
        ),
        solution="divisor = (16 * 2**2 * 3**2) ** 0.5",
        wrong=(
            WrongAnswer("divisor = 4", "entries are larger"),
            WrongAnswer("divisor = 576", "divide by its root"),
            WrongAnswer("divisor = 96", "grows like"),
            WrongAnswer("divisor = 16", "That is the width"),
            WrongAnswer("divisor = 6", "one product"),
            WrongAnswer("divisor = 144", "Variances multiply"),
            WrongAnswer("divisor = 20", "do not add"),
            WrongAnswer("divisor = 1", "One product has variance"),
        ),
    ),
    Exercise(
        id="20.3",
        title="Attention among neighbours",
        name="window_attention_np",
        check=check_window_attention,
        hints=(
            "Scores of all pairs first, (n, n); then a mask of the same shape.",
            "The mask: np.abs(i - j) <= width, with i as a column and j as a row.",
            "p = np.arange(len(q)); near = np.abs(p[:, None] - p) <= width",
        ),
        solution="""
def window_attention_np(q, k, v, width):
    places = np.arange(len(q))
    near = np.abs(places[:, None] - places) <= width
    scores = q @ k.T / np.sqrt(q.shape[-1])
    return masked_softmax_np(scores, near) @ v
""",
        right=(
            """
def window_attention_np(q, k, v, width):
    rows = []
    for i in range(len(q)):
        a, b = max(0, i - width), i + width + 1
        e = np.exp(k[a:b] @ q[i] / q.shape[1] ** 0.5)
        rows.append(e / e.sum() @ v[a:b])
    return rows
""",
        ),
        wrong=tuple(
            WrongAnswer(
                "def window_attention_np(q, k, v, width):\n"
                "    p = np.arange(len(q))\n"
                "    gap = p[:, None] - p\n"
                "    near, root = np.abs(gap) <= width, q.shape[1] ** 0.5\n"
                "    everything = np.ones_like(near)\n"
                f"    {body}",
                reason,
            )
            for body, reason in (
                ("return masked_softmax_np(q @ k.T, near) @ v", "root is missing"),
                ("return masked_softmax_np(q @ k.T / root**2, near) @ v", "root of d"),
                (
                    "return masked_softmax_np(q @ k.T / root, everything) @ v",
                    "where is the mask",
                ),
                (
                    "return (masked_softmax_np(q @ k.T / root, everything) * near) @ v",
                    "after the softmax",
                ),
                (
                    "return masked_softmax_np(q @ k.T / root * near, everything) @ v",
                    "0 is no mask",
                ),
                (
                    "return masked_softmax_np(q @ k.T / root, np.abs(gap) < width) @ v",
                    "belongs to the neighbourhood",
                ),
                (
                    "return masked_softmax_np(q @ k.T / root, near & (gap >= 0)) @ v",
                    "both sides",
                ),
                (
                    "return masked_softmax_np(q @ k.T / root, near & (gap <= 0)) @ v",
                    "both sides",
                ),
                (
                    "return masked_softmax_np(k @ q.T / root, near) @ v",
                    "Rows belong to queries",
                ),
                ("return masked_softmax_np(q @ k.T / root, near)", "multiply them"),
                (
                    "return masked_softmax_np((q @ k.T / root).T, near.T).T @ v",
                    "over the keys",
                ),
                (
                    "return masked_softmax_np(q @ k.T / root, ~near) @ v",
                    "turned round",
                ),
                ("near = 0", "return statement"),
            )
        ),
    ),
    Exercise(
        id="20.4",
        title="Four faulty attentions",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "A row of attention weights adds up to 1. In which rows of the table not?",
            "Weight on padding has one cause here. A late mask loses weight.",
            "Without the root the scores are four times as large, and the softmax "
            "sharper.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "mask after softmax", "B": "wrong axis", '
                '"C": "no root", "D": "no mask"}',
                "Look at A",
            ),
            WrongAnswer(
                'diagnosis = {"A": "wrong axis", "B": "no mask", "C": "no root", '
                '"D": "mask after softmax"}',
                "Look at B",
            ),
            WrongAnswer(
                'diagnosis = {"A": "wrong axis", "B": "mask after softmax", '
                '"C": "no mask", "D": "no root"}',
                "Look at D",
            ),
            WrongAnswer(
                'diagnosis = {"A": "wrong axis", "B": "mask after softmax", '
                '"C": "wrong axis", "D": "no mask"}',
                "Look at C",
            ),
            WrongAnswer('diagnosis = dict.fromkeys("ABCD", "tired")', "not one of"),
            WrongAnswer('diagnosis = "no mask"', "dictionary"),
        ),
    ),
]
