"""Checks, hints and solutions of Day 7."""

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

SETUP = """
import numpy as np
"""


def _softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def check_company(company_matters):
    rng = np.random.default_rng(1)
    images = rng.normal(size=(6, 4, 4, 3))
    w = rng.normal(size=(48, 5))
    sizes = []

    def alone(x):
        sizes.append(len(x))
        return _softmax(np.asarray(x).reshape(len(x), -1) @ w / 10)

    def by_company(x):
        rows = np.asarray(x).reshape(len(x), -1)
        return _softmax((rows - rows.mean(axis=0)) @ w / 10)

    def upwards(x):  # alone every probability but the first one is lower
        p = np.full((len(x), 2), 0.5)
        return p + (0.1 if len(x) > 1 else 0.0) * np.array([1.0, -1.0])

    kept = images.copy()
    expect_number(
        company_matters(alone, images),
        0.0,
        otherwise="This service treats each image by itself, whatever else arrives: "
        "the largest change is 0. Compare each image with its own row.",
    )
    if not np.array_equal(images, kept):
        raise Wrong("The images that you were given have changed.")
    if 1 not in sizes:
        raise Wrong("Ask for each image in a request of its own: images[i : i + 1].")
    if max(sizes) < 2:
        raise Wrong("Ask for all images together as well.")
    together = by_company(images)
    singly = np.concatenate([by_company(images[i : i + 1]) for i in range(6)])
    change = np.abs(singly - together)
    expect_number(
        company_matters(by_company, images),
        change.max(),
        {
            (singly - together).max(): "A change may go down as well: take its size.",
            change.mean(): "The largest change is asked for, not the mean.",
            change[0].max(): "Compare every image, not only the first.",
            change.sum(axis=1).max(): "The largest change of a single probability, "
            "without adding them up.",
            0.0: "This service normalises by the whole request, so an image alone gets "
            "another answer. Do you ask for each image *alone*?",
        },
        otherwise="This service normalises by the whole request. Compare each image "
        "alone with its row among all of them.",
    )
    expect_number(
        company_matters(upwards, images),
        0.1,
        otherwise="Probabilities that rise and that fall both count: take the size of "
        "each difference.",
    )
    return (
        "Four lines that no accuracy can replace. In floating point ask for a change "
        "below 1e-5, not for 0."
    )


def check_group_norm(group_norm_np):
    rng = np.random.default_rng(0)
    z = rng.normal(3, 2, size=(2, 3, 4, 6)) * np.arange(1, 7)
    gamma, beta = rng.normal(size=6), rng.normal(size=6)

    def version(z, groups, order="outer", axes=(1, 2, 4), epsilon=1e-3, ddof=0):
        n, rows, columns, channels = z.shape
        if order == "outer":
            split = z.reshape(n, rows, columns, groups, channels // groups)
        else:  # every groups-th channel
            split = z.reshape(n, rows, columns, channels // groups, groups)
        mean = split.mean(axis=axes, keepdims=True)
        variance = split.var(axis=axes, keepdims=True, ddof=ddof)
        return ((split - mean) / np.sqrt(variance + epsilon)).reshape(z.shape)

    for groups in (2, 3, 6, 1):
        right = version(z, groups)
        known = [
            (right, "γ and β are missing."),
            (right * gamma, "β is missing."),
            (right + beta, "γ is missing."),
        ]
        if 1 < groups < 6:
            known += [
                (
                    gamma * version(z, groups, axes=(0, 1, 2, 4)) + beta,
                    "The images are mixed: axis 0 takes no part in the mean.",
                ),
                (
                    gamma * version(z, groups, axes=(4,)) + beta,
                    "The places take part in the mean as well.",
                ),
                (
                    gamma * version(z, groups, axes=(1, 2)) + beta,
                    "Each channel has been normalised by itself; a group has several.",
                ),
                (
                    gamma * version(z, groups, "inner", axes=(1, 2, 3)) + beta,
                    "The groups take every so-many-th channel; they should be "
                    "neighbours: reshape to (..., groups, channels // groups).",
                ),
                (
                    gamma * version(z, groups, epsilon=0.0, ddof=1) + beta,
                    "Divide the squares by their number, not by one less.",
                ),
                (
                    gamma * version(z, groups).clip(0) + beta,
                    "No ReLU here.",
                ),
            ]
        expect_close(
            group_norm_np(z.copy(), groups, gamma.copy(), beta.copy()),
            gamma * right + beta,
            f"the output with {groups} groups",
            known=known,
        )
    constant = group_norm_np(np.full((1, 2, 2, 4), 7.0), 2, np.ones(4), np.zeros(4))
    expect_close(
        constant,
        np.zeros((1, 2, 2, 4)),
        "the output for a constant image (where is epsilon?)",
    )
    return (
        "One group is LayerNorm over the whole image, as many groups as channels is "
        "instance normalisation."
    )


def check_fold_forward(fold_forward_np):
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(4, 3)), rng.normal(size=3)
    gamma, beta, mean = rng.normal(size=(3, 4))
    variance = rng.uniform(0.5, 2, size=4)
    got_w, got_b = expect_parts(
        fold_forward_np(
            w.copy(), b.copy(), gamma.copy(), beta.copy(), mean.copy(), variance.copy()
        ),
        2,
        "Return two arrays: (weights, biases).",
    )
    factor = gamma / np.sqrt(variance + 1e-3)
    right_w = factor[:, None] * w
    expect_close(
        got_w,
        right_w,
        "the weights",
        known=[
            (w, "The factor γ / s of each feature belongs into the weights."),
            (
                (gamma / variance)[:, None] * w,
                "Divide by the root of the variance.",
            ),
            (
                (gamma / np.sqrt(variance))[:, None] * w,
                "Keras adds epsilon before it takes the root.",
            ),
            (
                w / np.sqrt(variance + 1e-3)[:, None],
                "γ is missing from the factor.",
            ),
        ],
    )
    expect_close(
        got_b,
        b + (beta - factor * mean) @ w,
        "the biases",
        known=[
            (b, "A shift before the layer reaches its output through the weights."),
            (b + beta @ w, "The mean has to be taken off as well."),
            (
                b + (beta - mean) @ w,
                "The mean is subtracted before the division: it carries γ / s.",
            ),
            (b - (factor * mean) @ w, "β is missing."),
            (
                b + (beta - factor * mean) @ right_w,
                "The shift meets the old weights: the factor is in it already.",
            ),
        ],
    )
    gamma_two, one = np.array([2.0]), np.array([[3.0]])
    two_w, two_b = fold_forward_np(
        one, np.zeros(1), gamma_two, np.ones(1), np.ones(1), np.full(1, 4.0), 0.0
    )
    expect_close(two_w, [[3.0]], "the weights for epsilon=0, variance 4, γ 2")
    expect_close(two_b, [0.0], "the biases for epsilon=0, variance 4, γ 2")
    return (
        "Before a convolution that pads with zeros it is exact inside only: at the "
        "border the old network sees a 0 after BatchNorm, the folded one before it."
    )


check_fault = choice(
    "moving averages",
    "With momentum 0.999 some fifty steps leave 95 % of the initial 0 and 1 in the "
    "averages. Normalised by its own batch, the network is fine.",
    {
        "learning rate": "In training mode the validation photographs are recognised, "
        "so the weights have learned. What differs between the two modes?",
        "overfitting": "Even the training photographs are not recognised in "
        "prediction mode, and in training mode unseen ones are.",
        "batch size": "64 images are plenty; section 5 had trouble with two. What "
        "differs between the two modes?",
    },
)


EXERCISES = [
    Exercise(
        id="7.r1",
        title="Weights twice too large, five layers on",
        name="scale_after_five",
        check=choice(
            "c",
            "Each layer doubles: 2⁵ = 32.",
            {
                "a": "That is after one layer; the next one doubles again.",
                "b": "The factors multiply, they do not add up.",
            },
        ),
        hints=("A ReLU passes a positive factor on. What does each layer do to it?",),
        solution='scale_after_five = "c"',
        wrong=(
            WrongAnswer('scale_after_five = "a"', "one layer"),
            WrongAnswer('scale_after_five = "b"', "multiply"),
        ),
    ),
    Exercise(
        id="7.r2",
        title="Two steps of a moving average",
        name="moving_average",
        check=choice(
            "a",
            "0.1, then 0.9 · 0.1 + 0.1.",
            {
                "b": "That is after one step.",
                "c": "That is the share of the old start, 0.9².",
            },
        ),
        hints=("After one step it is 0.9 · 0 + 0.1 · 1.",),
        solution='moving_average = "a"',
        wrong=(
            WrongAnswer('moving_average = "b"', "one step"),
            WrongAnswer('moving_average = "c"', "old start"),
        ),
    ),
    Exercise(
        id="7.r3",
        title="The gradient of a bias",
        name="bias_gradient",
        check=choice(
            "b",
            "It acts in every row, so the rows' gradients add up.",
            {
                "a": "The loss is a mean, and its 1/n is in the rows already.",
                "c": "Each row has its say.",
            },
        ),
        hints=("What acts on several roads receives the sum over the roads.",),
        solution='bias_gradient = "b"',
        wrong=(
            WrongAnswer('bias_gradient = "a"', "already"),
            WrongAnswer('bias_gradient = "c"', "its say"),
        ),
    ),
    Exercise(
        id="7.1",
        title="Does the company matter?",
        name="company_matters",
        check=check_company,
        hints=(
            "images[i : i + 1] is a request of one image; images[i] lacks an axis.",
            "together = predict(images); alone = the single answers, concatenated.",
            "The largest absolute difference: np.abs(together - alone).max().",
        ),
        solution="""
def company_matters(predict, images):
    together = predict(images)
    alone = np.concatenate([predict(images[i : i + 1]) for i in range(len(images))])
    return np.abs(together - alone).max()
""",
        wrong=(
            WrongAnswer(
                "def company_matters(predict, images):\n"
                "    alone = np.concatenate([predict(images[i : i + 1])\n"
                "                            for i in range(len(images))])\n"
                "    return (alone - predict(images)).max()",
                "take its size",
            ),
            WrongAnswer(
                "def company_matters(predict, images):\n"
                "    alone = np.concatenate([predict(images[i : i + 1])\n"
                "                            for i in range(len(images))])\n"
                "    return np.abs(alone - predict(images)).mean()",
                "not the mean",
            ),
            WrongAnswer(
                "def company_matters(predict, images):\n"
                "    return np.abs(predict(images[:1])[0] - predict(images)[0]).max()",
                "not only the first",
            ),
            WrongAnswer(
                "def company_matters(predict, images):\n"
                "    return np.abs(predict(images) - predict(images)).max()",
                "of its own",
            ),
            WrongAnswer(
                "def company_matters(predict, images):\n"
                "    return predict(images).max()",
                "by itself",
            ),
        ),
        right=(
            "def company_matters(predict, images):\n"
            "    worst = 0.0\n"
            "    for image, row in zip(images, predict(images)):\n"
            "        worst = max(worst, abs(predict(image[None])[0] - row).max())\n"
            "    return [worst]",
        ),
    ),
    Exercise(
        id="7.2",
        title="GroupNorm",
        name="group_norm_np",
        check=check_group_norm,
        hints=(
            "Two axes for channels: (n, rows, columns, groups, channels // groups).",
            "The mean runs over rows, columns and the channels of a group.",
            "Back to the old shape before γ and β, which belong to single channels.",
        ),
        solution="""
def group_norm_np(z, groups, gamma, beta, epsilon=1e-3):
    split = z.reshape(*z.shape[:3], groups, -1)
    mean = split.mean(axis=(1, 2, 4), keepdims=True)
    variance = split.var(axis=(1, 2, 4), keepdims=True)
    z_hat = (split - mean) / np.sqrt(variance + epsilon)
    return gamma * z_hat.reshape(z.shape) + beta
""",
        wrong=(
            WrongAnswer(
                "def group_norm_np(z, groups, gamma, beta, epsilon=1e-3):\n"
                "    s = z.reshape(*z.shape[:3], groups, -1)\n"
                "    m = s.mean(axis=(0, 1, 2, 4), keepdims=True)\n"
                "    v = s.var(axis=(0, 1, 2, 4), keepdims=True)\n"
                "    h = ((s - m) / np.sqrt(v + epsilon)).reshape(z.shape)\n"
                "    return gamma * h + beta",
                "mixed",
            ),
            WrongAnswer(
                "def group_norm_np(z, groups, gamma, beta, epsilon=1e-3):\n"
                "    s = z.reshape(*z.shape[:3], groups, -1)\n"
                "    m = s.mean(axis=4, keepdims=True)\n"
                "    v = s.var(axis=4, keepdims=True)\n"
                "    h = ((s - m) / np.sqrt(v + epsilon)).reshape(z.shape)\n"
                "    return gamma * h + beta",
                "places",
            ),
            WrongAnswer(
                "def group_norm_np(z, groups, gamma, beta, epsilon=1e-3):\n"
                "    s = z.reshape(*z.shape[:3], -1, groups)\n"
                "    m = s.mean(axis=(1, 2, 3), keepdims=True)\n"
                "    v = s.var(axis=(1, 2, 3), keepdims=True)\n"
                "    h = ((s - m) / np.sqrt(v + epsilon)).reshape(z.shape)\n"
                "    return gamma * h + beta",
                "neighbours",
            ),
            WrongAnswer(
                "def group_norm_np(z, groups, gamma, beta, epsilon=1e-3):\n"
                "    s = z.reshape(*z.shape[:3], groups, -1)\n"
                "    m = s.mean(axis=(1, 2, 4), keepdims=True)\n"
                "    v = s.var(axis=(1, 2, 4), keepdims=True)\n"
                "    return ((s - m) / np.sqrt(v + epsilon)).reshape(z.shape)",
                "γ and β are missing",
            ),
            WrongAnswer(
                "def group_norm_np(z, groups, gamma, beta, epsilon=1e-3):\n"
                "    m = z.mean(axis=(1, 2), keepdims=True)\n"
                "    v = z.var(axis=(1, 2), keepdims=True)\n"
                "    return gamma * (z - m) / np.sqrt(v + epsilon) + beta",
                "by itself",
            ),
        ),
    ),
    Exercise(
        id="7.3",
        title="BatchNorm folded into the Dense layer after it",
        name="fold_forward_np",
        check=check_fold_forward,
        hints=(
            "Write BatchNorm as x · g + c, with g = γ / s for each feature. What is c?",
            "(x · g + c) @ w + b: multiply out.",
            "g belongs to the rows of w: g[:, None] * w.",
        ),
        solution="""
def fold_forward_np(w, b, gamma, beta, mean, variance, epsilon=1e-3):
    factor = gamma / np.sqrt(variance + epsilon)
    return factor[:, None] * w, b + (beta - factor * mean) @ w
""",
        wrong=(
            WrongAnswer(
                "def fold_forward_np(w, b, gamma, beta, mean, variance, e=1e-3):\n"
                "    return w, b",
                "belongs into the weights",
            ),
            WrongAnswer(
                "def fold_forward_np(w, b, gamma, beta, mean, variance, e=1e-3):\n"
                "    f = gamma / np.sqrt(variance)\n"
                "    return f[:, None] * w, b + (beta - f * mean) @ w",
                "epsilon",
            ),
            WrongAnswer(
                "def fold_forward_np(w, b, gamma, beta, mean, variance, e=1e-3):\n"
                "    f = gamma / np.sqrt(variance + e)\n"
                "    return f[:, None] * w, b + (beta - mean) @ w",
                "carries",
            ),
            WrongAnswer(
                "def fold_forward_np(w, b, gamma, beta, mean, variance, e=1e-3):\n"
                "    f = gamma / np.sqrt(variance + e)\n"
                "    v = f[:, None] * w\n"
                "    return v, b + (beta - f * mean) @ v",
                "old weights",
            ),
            WrongAnswer(
                "def fold_forward_np(w, b, gamma, beta, mean, variance, e=1e-3):\n"
                "    return w",
                "two arrays",
            ),
        ),
    ),
    Exercise(
        id="7.4",
        title="Learned well, predicts badly",
        name="fault",
        check=check_fault,
        hints=(
            "Compare the three lines: which mode works, and on which photographs?",
            "How many steps does the training have, and what does momentum keep?",
        ),
        solution='fault = "moving averages"',
        wrong=(
            WrongAnswer('fault = "learning rate"', "have learned"),
            WrongAnswer('fault = "overfitting"', "training photographs"),
            WrongAnswer('fault = "batch size"', "plenty"),
            WrongAnswer('fault = "labels"', "Answer with one of"),
        ),
    ),
]
