"""Checks, hints and solutions of Day 8."""

from collections.abc import Mapping

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
    refuse_blank,
    word,
)

SETUP = """
import numpy as np
"""


def _cut_and_mixed(images, labels, partners, top, left, height, width):
    rows = slice(top, min(top + height, images.shape[1]))
    columns = slice(left, min(left + width, images.shape[2]))
    mixed = images.copy()
    mixed[:, rows, columns] = images[partners][:, rows, columns]
    places = images.shape[1] * images.shape[2]
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / places
    return mixed, (1 - share) * labels + share * labels[partners]


def check_cutmix(cutmix_np):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(4, 6, 5, 2))
    labels, partners = np.eye(4)[:, :3].copy(), np.array([2, 0, 3, 1])
    labels[3] = [0.5, 0.25, 0.25]
    for rectangle in ((1, 2, 3, 2), (4, 3, 4, 4), (0, 0, 6, 5)):
        given = images.copy(), labels.copy(), partners.copy()
        got = cutmix_np(*given, *rectangle)
        mixed, rows = expect_parts(got, 2, "Return two things: (images, labels).")
        if not np.array_equal(given[0], images):
            raise Wrong(
                "The images that were handed in have changed. Copy them before you "
                "paste: later images would get pieces that are pasted themselves."
            )
        if not np.array_equal(given[1], labels):
            raise Wrong("The labels that were handed in have changed: make new ones.")
        right, right_rows = _cut_and_mixed(images, labels, partners, *rectangle)
        top, left, height, width = rectangle
        case = f"top {top}, left {left}, height {height}, width {width}"
        turned = images.copy()
        turned[:, left : left + width, top : top + height] = images[partners][
            :, left : left + width, top : top + height
        ]
        outside = images[partners].copy()
        outside[:, top : top + height, left : left + width] = images[
            :, top : top + height, left : left + width
        ]
        expect_close(
            mixed,
            right,
            f"the images ({case})",
            known=[
                (images, "Nothing was pasted."),
                (images[partners], "These are the partners, whole. Paste a part."),
                (outside, "The rectangle comes from the partner, the rest stays."),
                (turned, "Rows are the second axis, columns the third."),
            ]
            if rectangle != (0, 0, 6, 5)
            else [(images, "The rectangle covers all: the partner is left.")],
        )
        asked = height * width / 30
        share = 1 - np.mean(right_rows[0] * labels[0]) / np.mean(labels[0] ** 2)
        expect_close(
            rows,
            right_rows,
            f"the labels ({case})",
            known=[
                (labels, "The labels are not mixed."),
                (
                    share * labels + (1 - share) * labels[partners],
                    "The partner's label gets the share of the rectangle, the own "
                    "label the rest; you have it the other way round.",
                ),
                (
                    (1 - asked) * labels + asked * labels[partners],
                    "Part of the rectangle lies outside the image. Count the pixels "
                    "that were really replaced.",
                ),
                (
                    0.5 * labels + 0.5 * labels[partners],
                    "The shares are those of the areas, not half and half.",
                ),
            ],
        )
    return "The label says how much of the image comes from where."


def check_losses(answer):
    here, lowest = expect_parts(answer, 2, "Give two numbers: (loss, lowest).")
    own, other = -np.log(0.6), -np.log(0.1)
    expect_number(
        here,
        0.8 * own + 0.2 * other,
        {
            own: "That is the loss for class 0 alone; class 2 has a share of 0.2.",
            own + other: "Weigh the two losses by 0.8 and 0.2.",
            0.2 * own + 0.8 * other: "The shares are the other way round.",
            -np.log(0.8 * 0.6 + 0.2 * 0.1): "That is the logarithm of a mean of "
            "probabilities. The loss is the mean of the logarithms.",
            (0.8 * own + 0.2 * other) / np.log(2): "In nats: the natural logarithm.",
            (0.8 * own + 0.2 * other) / np.log(10): "In nats: the natural logarithm.",
        },
        otherwise="The loss: 0.8 times the loss for class 0 and 0.2 times that for "
        "class 2.",
    )
    entropy = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    expect_number(
        lowest,
        entropy,
        {
            0.0: "With the whole probability on class 0, what is the logarithm of the "
            "probability of class 2?",
            -np.log(0.8): "Class 2 has a share in the loss as well.",
            np.log(2): "Half and half is not the best answer to 0.8 and 0.2.",
            entropy / np.log(2): "In nats: the natural logarithm.",
            entropy / np.log(10): "In nats: the natural logarithm.",
        },
        otherwise="The lowest loss: which probabilities should a network give to an "
        "image whose label is (0.8, 0, 0.2)?",
    )
    return (
        "The best answer is the mixed label itself, and its loss is the label's "
        "entropy. A training loss of half a nat may be as good as it gets."
    )


_TASKS = {
    "a": (
        ("darker", "mirror", "small shift"),
        "mirror",
        "In the dark or a little aside, an arrow still points where it did.",
    ),
    "b": (
        ("hue", "mirror", "half turn"),
        "hue",
        "A tomato on a belt may lie in any position. How do you see that it is ripe?",
    ),
    "c": (
        ("small shift", "bolder print", "half turn"),
        "half turn",
        "A letter may stand a little aside, or in a bolder type, and is still read.",
    ),
    "d": (
        ("mirror", "tight crop", "darker"),
        "tight crop",
        "Which change may leave somebody out?",
    ),
}


def check_unsafe(unsafe):
    given = (
        {word(letter): change for letter, change in unsafe.items()}
        if isinstance(unsafe, Mapping)
        else {}
    )
    if set(given) != set(_TASKS):
        raise Wrong('Answer with a dictionary that has the keys "a", "b", "c", "d".')
    for letter, (changes, right, reason) in _TASKS.items():
        refuse_blank(given[letter])
        if word(given[letter]) not in changes:
            named = ", ".join(f'"{change}"' for change in changes)
            raise Wrong(f"The three changes of {letter} are {named}.")
        if word(given[letter]) != right:
            raise Wrong(f"Look at {letter} again. {reason}")
    return "The same change is harmless in one task and fatal in another."


def check_vote(vote_np):
    by_image = np.array(
        [
            [[3.0, 2.9, 0.0], [3.0, 2.9, 0.0], [-9.0, 2.9, 4.0]],
            [[998.0, 1000.0, 0.0], [0.0, -5.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.0, 5.0, 4.0], [0.0, 5.0, 5.2], [9.0, 1.0, 0.0]],
            [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 4.0, 0.0]],
            [[0.0, 1.0, 1.2], [0.0, 1.0, 1.2], [0.0, 8.0, 0.0]],
        ]
    )
    logits = by_image.swapaxes(0, 1)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = powers / powers.sum(axis=-1, keepdims=True)
    got = np.asarray(vote_np(logits.copy()))
    if got.shape == p.shape[1:]:
        raise Wrong(
            "These are scores for each class. Return the class with the highest one."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        raw = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    over_views = np.exp(logits - logits.max(axis=0))
    over_views /= over_views.sum(axis=0)
    wins = np.eye(3)[logits.argmax(axis=-1)].mean(axis=0)
    right = p.mean(axis=0).argmax(axis=-1)
    expect_close(
        got,
        right,
        "the classes",
        known=[
            (
                logits.mean(axis=0).argmax(axis=-1),
                "That is the mean of the logits. Turn each view's logits into "
                "probabilities first.",
            ),
            (
                raw.mean(axis=0).argmax(axis=-1),
                "exp(1000) is infinite: subtract each view's largest logit first.",
            ),
            (
                over_views.mean(axis=0).argmax(axis=-1),
                "The softmax runs over the classes, the last axis.",
            ),
            (
                wins.argmax(axis=-1),
                "That counts votes. Average the probabilities, which also say how "
                "sure each view is.",
            ),
            (p.max(axis=0).argmax(axis=-1), "That takes the surest view, not a mean."),
            (p[0].argmax(axis=-1), "That asks the first view only."),
        ],
    )
    return "Each view has one vote, divided as its probabilities say."


def check_causes(causes):
    expect_causes(
        causes,
        {
            "a": "one draw for the whole batch",
            "b": "integer labels mixed",
            "c": "augmented validation",
            "d": "the same draw in every epoch",
        },
        {
            "a": "All or none are mirrored. How often was the coin tossed for the "
            "hundred images?",
            "b": "Labels 3 and 5 are a cat and a dog. What is a label of 4?",
            "c": "Neither network nor photographs have changed between the questions. "
            "What has?",
            "d": "One image, eight epochs. How often is the coin tossed for it?",
        },
    )
    return (
        "None of the four raises an error. A look at what the network gets, and at "
        "what validation gets, finds them all."
    )


_CAUSES = [
    "one draw for the whole batch",
    "integer labels mixed",
    "augmented validation",
    "the same draw in every epoch",
]

EXERCISES = [
    Exercise(
        id="8.r1",
        title="A shifted image",
        name="shifted_maps",
        check=choice(
            "b",
            "The window slides, so what it finds moves along with the image.",
            {
                "a": "The window finds the same thing, but one place further.",
                "c": "Stride 1 visits every place; nothing is averaged.",
            },
        ),
        hints=("The same kernel visits every place.",),
        solution='shifted_maps = "b"',
        wrong=(
            WrongAnswer('shifted_maps = "a"', "one place further"),
            WrongAnswer('shifted_maps = "c"', "averaged"),
        ),
    ),
    Exercise(
        id="8.r2",
        title="A large gap",
        name="gap_means",
        check=choice(
            "b",
            "It knows its own images by heart and others badly.",
            {
                "a": "An underfitted network does badly on its own images too.",
                "c": "Its own images are all right: there is nothing left to learn "
                "from them, at any rate.",
            },
        ),
        hints=("What does the training accuracy say about the network's capacity?",),
        solution='gap_means = "b"',
        wrong=(
            WrongAnswer('gap_means = "a"', "own images too"),
            WrongAnswer('gap_means = "c"', "nothing left"),
        ),
    ),
    Exercise(
        id="8.r3",
        title="BatchNorm at prediction time",
        name="at_prediction",
        check=choice(
            "c",
            "The answer to one image must not depend on the others in its batch.",
            {
                "a": "Then the answer would depend on what else is asked.",
                "b": "One minibatch is a noisy estimate; training averages many.",
            },
        ),
        hints=("A single image can be predicted too.",),
        solution='at_prediction = "c"',
        wrong=(
            WrongAnswer('at_prediction = "a"', "what else is asked"),
            WrongAnswer('at_prediction = "b"', "noisy"),
        ),
    ),
    Exercise(
        id="8.1",
        title="CutMix from scratch",
        name="cutmix_np",
        check=check_cutmix,
        hints=(
            "`images[partners]` is a batch in which each image is replaced by its "
            "partner. Copy the images, then assign one slice.",
            "A slice stops at the rim by itself; the shape of the slice tells how many "
            "rows and columns were really replaced.",
            "share = replaced rows · replaced columns / all places; the labels are "
            "(1 - share) of their own and share of their partner's.",
        ),
        solution="""
def cutmix_np(images, labels, partners, top, left, height, width):
    part = np.s_[:, top : top + height, left : left + width]
    mixed = images.copy()
    mixed[part] = images[partners][part]
    rows, columns = mixed[part].shape[1:3]
    share = rows * columns / (images.shape[1] * images.shape[2])
    return mixed, (1 - share) * labels + share * labels[partners]
""",
        wrong=(
            WrongAnswer(
                "def cutmix_np(images, labels, partners, top, left, height, width):\n"
                "    mixed = images.copy()\n"
                "    mixed[:, top:top + height, left:left + width] = images[\n"
                "        partners][:, top:top + height, left:left + width]\n"
                "    return mixed, labels",
                "not mixed",
            ),
            WrongAnswer(
                "def cutmix_np(images, labels, partners, top, left, height, width):\n"
                "    mixed = images.copy()\n"
                "    mixed[:, top:top + height, left:left + width] = images[\n"
                "        partners][:, top:top + height, left:left + width]\n"
                "    share = height * width / 30\n"
                "    return mixed, (1 - share) * labels + share * labels[partners]",
                "outside the image",
            ),
            WrongAnswer(
                "def cutmix_np(images, labels, partners, top, left, height, width):\n"
                "    mixed = images.copy()\n"
                "    mixed[:, top:top + height, left:left + width] = images[\n"
                "        partners][:, top:top + height, left:left + width]\n"
                "    share = height * width / 30\n"
                "    return mixed, share * labels + (1 - share) * labels[partners]",
                "other way round",
            ),
            WrongAnswer(
                "def cutmix_np(images, labels, partners, top, left, height, width):\n"
                "    images[:, top:top + height, left:left + width] = images[\n"
                "        partners][:, top:top + height, left:left + width]\n"
                "    return images, labels",
                "handed in have changed",
            ),
            WrongAnswer(
                "def cutmix_np(images, labels, partners, top, left, height, width):\n"
                "    mixed = images.copy()\n"
                "    mixed[:, left:left + width, top:top + height] = images[\n"
                "        partners][:, left:left + width, top:top + height]\n"
                "    return mixed, labels",
                "second axis",
            ),
            WrongAnswer(
                "def cutmix_np(images, labels, partners, top, left, height, width):\n"
                "    mixed = images[partners]\n"
                "    mixed[:, top:top + height, left:left + width] = images[\n"
                "        :, top:top + height, left:left + width]\n"
                "    return mixed, labels",
                "the rest stays",
            ),
        ),
        right=(
            "def cutmix_np(images, labels, partners, top, left, height, width):\n"
            "    inside = np.zeros(images.shape[1:3], bool)\n"
            "    inside[top:top + height, left:left + width] = True\n"
            "    mixed = np.where(inside[None, :, :, None], images[partners], images)\n"
            "    share = inside.mean()\n"
            "    return [mixed, (1 - share) * labels + share * labels[partners]]",
        ),
    ),
    Exercise(
        id="8.2",
        title="The classes of several views",
        name="vote_np",
        check=check_vote,
        hints=(
            "Softmax over the classes, the last axis, with the largest logit of each "
            "view subtracted first.",
            "Then the mean over the views, axis 0, and the argmax over the classes.",
        ),
        solution="""
def vote_np(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities.mean(axis=0).argmax(axis=-1)
""",
        wrong=(
            WrongAnswer(
                "def vote_np(logits):\n    return logits.mean(axis=0).argmax(axis=-1)",
                "mean of the logits",
            ),
            WrongAnswer(
                "def vote_np(logits):\n"
                "    with np.errstate(all='ignore'):\n"
                "        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)\n"
                "    return p.mean(axis=0).argmax(axis=-1)",
                "infinite",
            ),
            WrongAnswer(
                "def vote_np(logits):\n"
                "    p = np.exp(logits - logits.max(axis=0))\n"
                "    p = p / p.sum(axis=0)\n"
                "    return p.mean(axis=0).argmax(axis=-1)",
                "last axis",
            ),
            WrongAnswer(
                "def vote_np(logits):\n"
                "    votes = np.eye(3)[logits.argmax(axis=-1)]\n"
                "    return votes.mean(axis=0).argmax(axis=-1)",
                "counts votes",
            ),
            WrongAnswer(
                "def vote_np(logits):\n"
                "    p = np.exp(logits - logits.max(axis=-1, keepdims=True))\n"
                "    return (p / p.sum(axis=-1, keepdims=True)).mean(axis=0)",
                "scores for each class",
            ),
        ),
    ),
    Exercise(
        id="8.3",
        title="The loss of a mixed image",
        name="losses",
        check=check_losses,
        hints=(
            "The loss is linear in the label: 0.8 times one loss, 0.2 times another.",
            "The lowest cross-entropy with a label is reached when the answer equals "
            "the label.",
        ),
        solution="""
here = -0.8 * np.log(0.6) - 0.2 * np.log(0.1)
lowest = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
losses = here, lowest
""",
        wrong=(
            WrongAnswer("losses = 0.51, 0.5", "class 0 alone"),
            WrongAnswer("losses = 0.693, 0.5", "mean of the logarithms"),
            WrongAnswer("losses = 2.81, 0.5", "Weigh the two"),
            WrongAnswer("losses = 0.87, 0", "the logarithm"),
            WrongAnswer("losses = 0.87, 0.22", "share in the loss"),
            WrongAnswer("losses = 0.87, 0.72", "natural"),
        ),
        right=("losses = 0.87, 0.50",),
    ),
    Exercise(
        id="8.4",
        title="Which change breaks which task",
        name="unsafe",
        check=check_unsafe,
        hints=(
            "Ask for each change: would a person still give the same answer?",
            "If the answer is a direction, a colour, an orientation or a number, the "
            "change that acts on just that is the one.",
        ),
        solution=(
            'unsafe = {"a": "mirror", "b": "hue", "c": "half turn", "d": "tight crop"}'
        ),
        wrong=(
            WrongAnswer(
                'unsafe = {"a": "small shift", "b": "hue", "c": "half turn", '
                '"d": "tight crop"}',
                "Look at a",
            ),
            WrongAnswer(
                'unsafe = {"a": "mirror", "b": "mirror", "c": "half turn", '
                '"d": "tight crop"}',
                "Look at b",
            ),
            WrongAnswer(
                'unsafe = {"a": "mirror", "b": "hue", "c": "small shift", '
                '"d": "tight crop"}',
                "Look at c",
            ),
            WrongAnswer(
                'unsafe = {"a": "mirror", "b": "hue", "c": "half turn", "d": "mirror"}',
                "Look at d",
            ),
            WrongAnswer(
                'unsafe = {"a": "hue", "b": "hue", "c": "half turn", '
                '"d": "tight crop"}',
                "three changes of a",
            ),
            WrongAnswer('unsafe = ["mirror", "hue"]', "dictionary"),
        ),
    ),
    Exercise(
        id="8.5",
        title="Four pipelines in trouble",
        name="causes",
        check=check_causes,
        hints=(
            "a: half of the hundred images should be mirrored in each minibatch.",
            "b: compare the labels of the first line with those of their training.",
            "c: asked twice about the same photographs, a network answers the same.",
            "d: in which epochs does the network see the other version of the image?",
        ),
        solution="""
causes = {"a": "one draw for the whole batch", "b": "integer labels mixed",
          "c": "augmented validation", "d": "the same draw in every epoch"}
""",
        wrong=tuple(
            WrongAnswer(f"causes = dict(zip('abcd', {given}, strict=True))", reason)
            for given, reason in (
                ([_CAUSES[3], *_CAUSES[1:]], "coin tossed for the"),
                ([_CAUSES[0], _CAUSES[2], _CAUSES[2], _CAUSES[3]], "a label of 4"),
                ([*_CAUSES[:2], _CAUSES[1], _CAUSES[3]], "What has"),
                ([*_CAUSES[:3], _CAUSES[0]], "for it"),
                ([*_CAUSES[:3], "bad luck"], "not one of"),
            )
        ),
    ),
]
