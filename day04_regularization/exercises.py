"""Checks, hints and solutions of Day 4."""

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_close,
    expect_number,
    whole_number,
)

SETUP = """
import numpy as np
"""


def check_fraction_left(answer):
    right = (1 - 0.001 * 0.004) ** 10_000
    expect_number(
        answer,
        right,
        {
            (1 - 0.004) ** 10_000: (
                "Each step shrinks by learning rate times decay, not by the decay."
            ),
            (1 - 0.001) ** 10_000: (
                "Each step shrinks by learning rate times decay, not by the rate."
            ),
            (1 - 2 * 0.001 * 0.004) ** 10_000: (
                "The factor 2 belongs to L2, whose penalty is a square; decay has none."
            ),
            1 - right: "That is the fraction that is lost; what is left?",
            1 - 0.001 * 0.004: (
                "That is what is left after one step, not 10,000. Or did you think "
                "that nothing happens? A gradient of zero stops Adam's step, but decay "
                "needs no gradient."
            ),
        },
        rtol=2e-3,
        otherwise="Multiply 10,000 factors of 1 - learning rate × decay.",
    )
    return "About 0.96: Keras' default is a gentle one, and it decays slowly."


def check_max_norm(max_norm_np):
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(4, 3)) * np.array([0.1, 1.0, 3.0])
    limit = 1.5
    argument = kernel.copy()
    got = max_norm_np(argument, limit)
    columns = np.sqrt((kernel**2).sum(axis=0, keepdims=True))
    rows = np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    whole = np.sqrt((kernel**2).sum())
    want = kernel * np.minimum(1.0, limit / columns)
    known = [
        (
            kernel * limit / columns,
            "Units below the limit must stay as they are: shrink, never stretch.",
        ),
        (
            kernel * np.minimum(1.0, limit / rows),
            "That limits the rows, one an input; a unit's weights are a column.",
        ),
        (
            kernel * min(1.0, limit / whole),
            "That limits the whole kernel; each unit has a limit of its own.",
        ),
        (
            np.clip(kernel, -limit, limit),
            "That clips single weights; the limit is on the length of a column.",
        ),
        (
            kernel * np.minimum(1.0, limit / columns**2),
            "That uses the squared length: take the square root.",
        ),
        (kernel, "Nothing was shrunk: the third unit is longer than the limit."),
    ]
    expect_close(got, want, "the kernel", known)
    if not np.array_equal(argument, kernel):
        raise Wrong("Your function changed its argument in place; work on a copy.")
    if not np.isfinite(max_norm_np(np.zeros((2, 2)), 1.0)).all():
        raise Wrong("A unit whose weights are all zero gives nan: 0 divided by 0.")
    return "Each unit may turn freely and grow only so far: keras.constraints.MaxNorm."


def check_soft_threshold(soft_threshold_np):
    w = np.array([-2.0, -0.3, -0.05, 0.0, 0.1, 0.2, 1.5])
    t = 0.2
    got = soft_threshold_np(w.copy(), t)
    want = np.sign(w) * np.maximum(np.abs(w) - t, 0.0)
    known = [
        (
            w - t * np.sign(w),
            "Weights smaller than t fly past zero: stop them there.",
        ),
        (
            np.where(np.abs(w) <= t, 0.0, w),
            "Small weights are zero now, but the large ones must move by t too.",
        ),
        (
            np.maximum(np.abs(w) - t, 0.0),
            "The signs are lost: -2.0 should become -1.8.",
        ),
        (
            np.maximum(w - t, 0.0),
            "Negative weights move as well: towards zero, that is upwards.",
        ),
        (w * (1 - t), "That shrinks by a factor, which is L2; L1 takes an amount."),
        (
            np.sign(w) * np.maximum(np.abs(w) - 2 * t, 0.0),
            "The step is t itself: |w| has the slope 1, without a factor 2.",
        ),
    ]
    expect_close(got, want, "the weights", known)
    return "Exact zeros: this is the step of L1 that libraries for sparse models use."


def check_stratified_folds(stratified_folds_np):
    labels = np.repeat([0, 1, 2], [20, 10, 5])
    shuffled = np.random.default_rng(5).permutation(labels)
    for given, order in ((labels, "sorted"), (shuffled, "shuffled")):
        _check_folds(stratified_folds_np(given.copy(), 5), given, 5, order)
    _check_folds(stratified_folds_np(np.array([0, 1] * 4), 2), [0, 1] * 4, 2, "mixed")
    return "Every fold is a small copy of the whole: scikit-learn's StratifiedKFold."


def _check_folds(folds, labels, k, order):
    labels = np.asarray(labels)
    try:
        folds = [np.asarray(fold, dtype=float) for fold in folds]
    except (TypeError, ValueError):
        raise Wrong("Return a list of k arrays of indices.") from None
    if len(folds) != k:
        raise Wrong(f"There should be {k} folds, not {len(folds)}.")
    together = np.concatenate([fold.ravel() for fold in folds])
    if len(together) > len(labels):
        raise Wrong(
            "Some examples stand in several folds: return the held-out indices only."
        )
    if len(together) < len(labels):
        raise Wrong(f"{len(labels) - len(together)} examples are in no fold.")
    if not np.array_equal(np.sort(together), np.arange(len(labels))):
        raise Wrong(
            "The folds together should hold each index from 0 to n - 1 once: indices "
            "into `labels`, not labels and not positions within a class."
        )
    for c in np.unique(labels):
        counts = [int((labels[fold.astype(int)] == c).sum()) for fold in folds]
        if max(counts) - min(counts) > 1:
            raise Wrong(
                f"On {order} labels, class {c} is spread as {counts} over the folds; "
                "deal the examples of each class out evenly."
            )


check_culprit = choice(
    "l2",
    "The pull 2 · 0.5 · w is as large as the weight itself. Each kernel's data "
    "gradient is proportional to the other kernel, so as both shrink the data lose "
    "their hold. The weights go to zero, the logits are equal, and ln 10 is what "
    "remains. The large reported loss of the first epochs was the penalty.",
    {
        "dropout": (
            "Section 8 trained with the very same rates. And the cross-entropy on the "
            "tuning digits, where dropout is off, stands at ln 10 as well."
        ),
        "decay": (
            "2.0 looks like a lot, but a step shrinks by 0.002 · 2.0 = 0.4 %; "
            "section 8 trained with the very same decay."
        ),
        "learning_rate": (
            "0.002 is what every run on the few digits has used. Too large a rate "
            "first gives a loss that jumps or is nan; this log shows neither."
        ),
    },
)


NUM_POINTS, NOISE = 20, 0.3


def _expected_error(degree):
    """Expected squared error of minimum-norm least squares, as in section 2."""
    legendre = np.polynomial.legendre.legvander
    x, grid = np.linspace(-1, 1, NUM_POINTS), np.linspace(-1, 1, 201)
    to_grid = legendre(grid, degree) @ np.linalg.pinv(legendre(x, degree))
    bias = to_grid @ np.sin(1.5 * np.pi * x) - np.sin(1.5 * np.pi * grid)
    return NOISE**2 * (1 + (to_grid**2).sum(axis=1).mean()) + np.mean(bias**2)


def check_far_degree(answer):
    degree = whole_number(answer, "A degree")
    if degree < NUM_POINTS:
        raise Wrong(
            "Stay above 19: from there on, a polynomial passes through all 20 points."
        )
    if degree > 1000:
        raise Wrong("Much less is enough; stay below 1,000.")
    error = _expected_error(degree)
    if error > 0.2:
        raise Wrong(
            f"Degree {degree} has an expected error of {error:.3g}; it should be below "
            "0.2. Do not give up: go further."
        )
    return (
        f"{degree + 1} coefficients for 20 points, and the expected error is "
        f"{error:.3f}. Of all curves through the points, the pseudo-inverse takes the "
        "one with the smallest coefficients, and the more there are to share the work, "
        "the smaller they can be. Minimum norm is a regularizer too. Degree 5 is still "
        f"better here, with {_expected_error(5):.3f}: *double descent*, and no free "
        "lunch."
    )


RECALL = [
    Exercise(
        id="4.r1",
        title="Which set reports",
        name="which_set",
        check=choice(
            "c",
            "It played no part in any choice, so it has no reason to flatter.",
            {
                "a": "The network was fitted to the training set: it flatters most.",
                "b": "You chose by the validation set: the best was also lucky.",
            },
        ),
        hints=(
            "Two of the three sets took part in making the model what it is.",
            "A set that was used to choose cannot judge the choice.",
        ),
        solution='which_set = "c"',
        wrong=(
            WrongAnswer('which_set = "a"', "flatters most"),
            WrongAnswer('which_set = "b"', "also lucky"),
            WrongAnswer('which_set = "d"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="4.r2",
        title="He's initialisation",
        name="he_scale",
        check=choice(
            "b",
            "Variance 2/784: the 2 makes up for the half that ReLU drops.",
            {
                "a": "That is the variance; the standard deviation is its square root.",
                "c": "That keeps the signal of a linear layer; ReLU halves its square.",
            },
        ),
        hints=(
            "He chose the variance so that a ReLU layer keeps the mean square of its "
            "signal.",
            "ReLU loses half of the mean square, so the variance has a 2 in it.",
        ),
        solution='he_scale = "b"',
        wrong=(
            WrongAnswer('he_scale = "a"', "square root"),
            WrongAnswer('he_scale = "c"', "halves its square"),
        ),
    ),
    Exercise(
        id="4.r3",
        title="Adam's first step",
        name="adam_first_step",
        check=choice(
            "c",
            "After bias correction the ratio is g / |g|: only the sign is left. "
            "Section 5 shows what that does to L2.",
            {
                "a": "That is SGD. Adam divides by the gradient's own recent size.",
                "b": "Nothing is clipped unless you ask for it with clipnorm.",
            },
        ),
        hints=(
            "Write down m and v after one step, then correct their bias.",
            "m̂ = g and v̂ = g², so the step is η g / |g|.",
        ),
        solution='adam_first_step = "c"',
        wrong=(
            WrongAnswer('adam_first_step = "a"', "That is SGD"),
            WrongAnswer('adam_first_step = "b"', "Nothing is clipped"),
        ),
    ),
]

EXERCISES = [
    *RECALL,
    Exercise(
        id="4.1",
        title="What weight decay leaves",
        name="fraction_left",
        check=check_fraction_left,
        hints=(
            "With a gradient of zero only the line with the decay moves the weight.",
            "One step multiplies it by 1 - learning rate × decay.",
            "(1 - 0.001 * 0.004) ** 10_000",
        ),
        solution="fraction_left = (1 - 0.001 * 0.004) ** 10_000",
        wrong=(
            WrongAnswer("fraction_left = (1 - 0.004) ** 10_000", "not by the decay"),
            WrongAnswer("fraction_left = (1 - 0.001) ** 10_000", "not by the rate"),
            WrongAnswer("fraction_left = (1 - 0.000_008) ** 10_000", "factor 2"),
            WrongAnswer("fraction_left = 1 - (1 - 4e-6) ** 10_000", "that is lost"),
            WrongAnswer("fraction_left = 1 - 4e-6", "after one step"),
            WrongAnswer("fraction_left = 1.0", "decay needs no gradient"),
            WrongAnswer("fraction_left = 0.5", "Multiply 10,000 factors"),
        ),
        right=("fraction_left = 0.96", "fraction_left = '96 %'"),
    ),
    Exercise(
        id="4.2",
        title="Limit the length of a unit's weights",
        name="max_norm_np",
        check=check_max_norm,
        hints=(
            "The kernel is (inputs, units): a unit's incoming weights are a column.",
            "lengths = np.sqrt((kernel ** 2).sum(axis=0)); which columns are too long?",
            "Multiply each column by limit / max(length, limit): 1 for short columns.",
        ),
        solution="""
def max_norm_np(kernel, limit):
    lengths = np.sqrt((kernel**2).sum(axis=0))
    return kernel * limit / np.maximum(lengths, limit)
""",
        wrong=(
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    return kernel * limit / np.sqrt((kernel**2).sum(axis=0))",
                "shrink, never stretch",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    n = np.sqrt((kernel**2).sum(axis=1, keepdims=True))\n"
                "    return kernel * limit / np.maximum(n, limit)",
                "limits the rows",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    n = np.sqrt((kernel**2).sum())\n"
                "    return kernel * limit / np.maximum(n, limit)",
                "whole kernel",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    return np.clip(kernel, -limit, limit)",
                "clips single weights",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    n = (kernel**2).sum(axis=0)\n"
                "    return kernel * np.minimum(1, limit / n)",
                "take the square root",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n    return kernel",
                "Nothing was shrunk",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    n = np.sqrt((kernel**2).sum(axis=0))\n"
                "    kernel *= limit / np.maximum(n, limit)\n"
                "    return kernel",
                "changed its argument",
            ),
            WrongAnswer(
                "def max_norm_np(kernel, limit):\n"
                "    n = np.sqrt((kernel**2).sum(axis=0))\n"
                "    with np.errstate(all='ignore'):\n"
                "        return kernel / n * np.minimum(n, limit)",
                "0 divided by 0",
            ),
        ),
    ),
    Exercise(
        id="4.3",
        title="Exact zeros for L1",
        name="soft_threshold_np",
        check=check_soft_threshold,
        hints=(
            "What should become of a weight whose size is below t? And of -2.0?",
            "Shrink the size |w| by t, not below 0, and give the sign back.",
            "np.sign(w) * np.maximum(np.abs(w) - t, 0)",
        ),
        solution="""
def soft_threshold_np(w, t):
    return np.sign(w) * np.maximum(np.abs(w) - t, 0.0)
""",
        wrong=(
            WrongAnswer(
                "def soft_threshold_np(w, t):\n    return w - t * np.sign(w)",
                "fly past zero",
            ),
            WrongAnswer(
                "def soft_threshold_np(w, t):\n    return np.where(abs(w) <= t, 0, w)",
                "large ones must move",
            ),
            WrongAnswer(
                "def soft_threshold_np(w, t):\n    return np.maximum(abs(w) - t, 0)",
                "signs are lost",
            ),
            WrongAnswer(
                "def soft_threshold_np(w, t):\n    return np.maximum(w - t, 0)",
                "towards zero",
            ),
            WrongAnswer(
                "def soft_threshold_np(w, t):\n    return (1 - t) * w", "which is L2"
            ),
            WrongAnswer(
                "def soft_threshold_np(w, t):\n"
                "    return np.sign(w) * np.maximum(abs(w) - 2 * t, 0)",
                "without a factor 2",
            ),
        ),
    ),
    Exercise(
        id="4.4",
        title="Stratified folds",
        name="stratified_folds_np",
        check=check_stratified_folds,
        hints=(
            "Treat each class by itself: np.flatnonzero(labels == c) are its indices.",
            "Cut the indices of each class into k parts with np.array_split.",
            "Fold j is the concatenation of the j-th parts of all classes.",
        ),
        solution="""
def stratified_folds_np(labels, k):
    parts = [np.array_split(np.flatnonzero(labels == c), k) for c in np.unique(labels)]
    return [np.concatenate(pieces) for pieces in zip(*parts)]
""",
        wrong=(
            WrongAnswer(
                "def stratified_folds_np(labels, k):\n"
                "    return np.array_split(np.arange(len(labels)), k)",
                "deal the examples of each class",
            ),
            WrongAnswer(
                "def stratified_folds_np(labels, k):\n"
                "    return [np.flatnonzero(labels == c) for c in np.unique(labels)]",
                "should be 5 folds, not 3",
            ),
            WrongAnswer(
                "def stratified_folds_np(labels, k):\n"
                "    parts = [np.array_split(np.arange((labels == c).sum()), k)\n"
                "             for c in np.unique(labels)]\n"
                "    return [np.concatenate(p) for p in zip(*parts)]",
                "not positions within a class",
            ),
            WrongAnswer(
                "def stratified_folds_np(labels, k):\n"
                "    n = len(labels)\n"
                "    folds = np.array_split(np.arange(n), k)\n"
                "    return [np.setdiff1d(np.arange(n), f) for f in folds]",
                "several folds",
            ),
            WrongAnswer(
                "def stratified_folds_np(labels, k):\n"
                "    c = np.flatnonzero(labels == labels[0])\n"
                "    return np.array_split(c, k)",
                "are in no fold",
            ),
        ),
    ),
    Exercise(
        id="4.5",
        title="A loss that rests at ln 10",
        name="culprit",
        check=check_culprit,
        hints=(
            "Compare the columns: what is in `loss` that is not in `cross_entropy`?",
            "ln 10 means ten equal logits. Look at the norms of the kernels.",
            "Which option pulls on a weight with twice its strength times the weight?",
        ),
        solution='culprit = "l2"',
        wrong=(
            WrongAnswer('culprit = "dropout"', "very same rates"),
            WrongAnswer('culprit = "decay"', "0.4 %"),
            WrongAnswer('culprit = "learning_rate"', "jumps or is nan"),
            WrongAnswer('culprit = "bad luck"', "Answer with one of"),
            WrongAnswer('culprit = "learning rate"', "jumps or is nan"),
        ),
    ),
    Exercise(
        id="4.6",
        title="Far beyond the number of points",
        name="far_degree",
        check=check_far_degree,
        hints=(
            "Call decompose(degree) for a few degrees above 19 and print the expected "
            "error.",
            "Near 20 it is enormous. Take larger strides: 25, 30, 50, 100.",
            "Degrees from about 30 to 300 are below 0.2.",
        ),
        solution="far_degree = 100",
        wrong=(
            WrongAnswer("far_degree = 5", "Stay above 19"),
            WrongAnswer("far_degree = 20", "Do not give up"),
            WrongAnswer("far_degree = 60.5", "whole number"),
            WrongAnswer("far_degree = 'high'", "whole number"),
            WrongAnswer("far_degree = 100_000", "below 1,000"),
        ),
        right=("far_degree = '50'", "far_degree = np.array([120.0])"),
    ),
]
