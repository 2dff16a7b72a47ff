"""Checks, hints and solutions of Day 10."""

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

_CASES = (
    # pairs, count, one right numbering
    ([(0, 1)], 4, [0, 0, 1, 2]),
    ([(0, 1), (1, 2)], 4, [0, 0, 0, 1]),
    ([(2, 3), (0, 1), (1, 2)], 5, [0, 0, 0, 0, 1]),
    ([(4, 0), (3, 1), (5, 4), (3, 5)], 7, [0, 0, 1, 0, 0, 0, 2]),
    ([], 3, [0, 1, 2]),
    ([(0, 2), (4, 6), (6, 8), (2, 4), (1, 3)], 9, [0, 1, 0, 1, 0, 2, 0, 3, 0]),
)


def _together(groups):
    """Which examples share a group, (n, n) bool."""
    return groups[:, None] == groups[None, :]


def check_groups(groups_of):
    for pairs, count, right in _CASES:
        given = [tuple(pair) for pair in pairs]
        got = groups_of(list(given), count)
        refuse_blank(got)
        if got is None:
            raise Wrong("The function returns nothing: return the group numbers.")
        if isinstance(got, Mapping):
            got = [got.get(i, -1 - i) for i in range(count)]
        got = np.asarray(got).reshape(-1)
        case = f"groups_of({given}, {count})"
        if len(got) != count:
            raise Wrong(
                f"{case} returns {len(got)} numbers. Each of the {count} photographs "
                "has one, also those without a twin."
            )
        ours, theirs = _together(np.array(right)), _together(got)
        if np.array_equal(ours, theirs):
            continue
        direct = np.eye(count, dtype=bool)
        for i, j in given:
            direct[i, j] = direct[j, i] = True
        alone = ~(ours & ~np.eye(count, dtype=bool)).any(axis=1)
        if (theirs[np.ix_(alone, alone)] & ~np.eye(alone.sum(), dtype=bool)).any():
            raise Wrong(
                f"In {case} photographs without a twin share a group with each other: "
                "each of them is a group of its own."
            )
        if (theirs & ~ours).any():
            i, j = np.argwhere(theirs & ~ours)[0]
            raise Wrong(
                f"In {case} photographs {i} and {j} have one number, though no chain "
                "of pairs joins them."
            )
        i, j = np.argwhere(ours & ~theirs)[0]
        if direct[i, j]:
            raise Wrong(
                f"In {case} the pair ({i}, {j}) ends in two groups. A later pair must "
                "not tear apart what an earlier one has joined: renumber the whole "
                "group, not one photograph."
            )
        raise Wrong(
            f"In {case} photographs {i} and {j} are joined by a chain, and yet have "
            "two numbers. When two groups meet, all members of one take the other's "
            "number, whatever the order of the pairs."
        )
    return (
        "Groups grow along chains, in whatever order the pairs come. These numbers are "
        "what a splitter by group asks for."
    )


def check_error_and_count(answer):
    error, count = expect_parts(answer, 2, "Give two numbers: (error, count).")
    variance = 0.92 * 0.08
    exact = np.sqrt(variance / 180)
    expect_number(
        error,
        exact,
        {
            variance / 180: "That is the variance of the share: take its root.",
            np.sqrt(variance): "That is the spread of a single answer. The mean of 180 "
            "answers varies less: divide by the root of their number.",
            1.96 * exact: "That is half of the interval's width; asked is one standard "
            "error.",
            100 * exact: "As a fraction, not in percent.",
            np.sqrt(0.92 / 180): "The variance of one answer is p(1 - p).",
        },
        otherwise="The standard error: the root of p(1 - p) / n.",
    )
    needed = variance * (1.96 / 0.01) ** 2
    expect_number(
        count,
        needed,
        {
            variance / 0.01**2: "That is for a standard error of one point; the "
            "half-width is 1.96 of them.",
            4 * needed: "That is for a half-width of half a point.",
            needed / 4: "That is for a half-width of two points; it is to be one.",
            np.sqrt(needed): "Solve 1.96 · sqrt(p(1 - p) / n) = 0.01 for n: square "
            "both sides.",
            180 * 1.96 * exact / 0.01: "The error shrinks with the root of n: half the "
            "width costs four times the photographs.",
        },
        otherwise="The number: solve 1.96 · sqrt(p(1 - p) / n) = 0.01 for n.",
    )
    return (
        "Sixteen times the photographs for a quarter of the width. Most gains that "
        "people report on small test sets are smaller than its interval."
    )


def _confident_counts(p, y, strict=False, everyone=False, shared=False):
    classes = p.shape[1]
    if shared:
        thresholds = np.full(classes, p[np.arange(len(y)), y].mean())
    elif everyone:
        thresholds = p.mean(axis=0)
    else:
        thresholds = np.array([p[y == j, j].mean() for j in range(classes)])
    over = p > thresholds if strict else p >= thresholds
    member = np.where(over, p, -1).argmax(axis=1)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (y[over.any(axis=1)], member[over.any(axis=1)]), 1)
    return counts


def _two_cases():
    rng = np.random.default_rng(4)
    p = np.array(
        [[0.5, 0.3, 0.2], [0.25, 0.6, 0.15], [0.8, 0.1, 0.1], [0.1, 0.7, 0.2],
         [0.3, 0.3, 0.4], [0.05, 0.35, 0.6], [0.4, 0.2, 0.4], [0.34, 0.33, 0.33]]
    )  # fmt: skip
    yield "eight photographs of three classes", p, np.array([0, 0, 0, 1, 1, 2, 2, 0])
    y = rng.integers(0, 4, 60)
    powers = np.exp(rng.normal(size=(60, 4)) + np.array([2, 1.2, 0.4, 0])[y][:, None]
                    * np.eye(4)[y])  # fmt: skip
    yield "sixty of four", powers / powers.sum(axis=1, keepdims=True), y


def check_confident_counts(confident_counts):
    for case, p, y in _two_cases():
        got = confident_counts(p.copy(), y.copy())
        refuse_blank(got)
        right = _confident_counts(p, y)
        plain = np.zeros_like(right)
        np.add.at(plain, (y, p.argmax(axis=1)), 1)
        anyone = np.zeros_like(right)
        over = p >= [p[y == j, j].mean() for j in range(p.shape[1])]
        for i in range(len(y)):
            anyone[y[i]] += over[i]
        largest = np.zeros_like(right)
        top = p.argmax(axis=1)
        sure = over[np.arange(len(y)), top]
        np.add.at(largest, (y[sure], top[sure]), 1)
        known = [
            (
                plain,
                "That is a confusion matrix: every photograph is in it. Those that "
                "reach no class's threshold are left out.",
            ),
            (
                right.T,
                "Rows are the labels, columns the confident classes; you have them the "
                "other way round.",
            ),
            (
                _confident_counts(p, y, everyone=True),
                "A class's threshold is the mean of its probability over the examples "
                "labelled so, not over all.",
            ),
            (
                _confident_counts(p, y, shared=True),
                "Each class has its own threshold; you have one for all.",
            ),
            (
                anyone,
                "Some photographs are counted twice: of several classes over their "
                "thresholds take the one with the largest probability.",
            ),
            (
                largest,
                "The most probable class may be below its threshold while another is "
                "over its own: take the largest among those that are over.",
            ),
        ]
        same = [
            (value, why) for value, why in known if not np.array_equal(value, right)
        ]
        expect_close(got, right, f"the counts ({case})", known=same)
    return (
        "Off the diagonal stand the suspects, each with its own class's measure of "
        "sure. A person looks at them next."
    )


_PLANS = {
    "a": ("clean", "No label and no score is used. Which plan would put twins on both "
          "sides: this one, or the one that does not look?"),
    "b": ("leaks", "Where do a photograph and its mirror image end up, if files are "
          "held out at random?"),
    "c": ("leaks", "Mean and spread come from the held-out photographs too. The effect "
          "is small; the question is whether something of them is used."),
    "d": ("leaks", "The test has chosen. Can it still judge?"),
    "e": ("clean", "Which photographs had a say in that number?"),
}  # fmt: skip


def check_plans(answer):
    given = (
        {word(letter): verdict for letter, verdict in answer.items()}
        if isinstance(answer, Mapping)
        else {}
    )
    if set(given) != set(_PLANS):
        keys = ", ".join(f'"{letter}"' for letter in _PLANS)
        raise Wrong(f"Answer with a dictionary that has the keys {keys}.")
    for verdict in given.values():
        refuse_blank(verdict)
        if word(verdict) not in ("leaks", "clean"):
            raise Wrong(f'{verdict!r}: answer with "leaks" or "clean".')
    for letter, (right, reason) in _PLANS.items():
        if word(given[letter]) != right:
            raise Wrong(f"Look at {letter} again. {reason}")
    return "A leak needs no label: whatever held-out photographs decide is no test."


_CAUSES = [
    "red and blue exchanged",
    "scaled twice",
    "copies on both sides of the split",
    "class names in another order",  # nobody's
]


def check_causes(answer):
    if isinstance(answer, Mapping):
        for letter, cause in answer.items():
            if cause is not ... and word(cause) == word(_CAUSES[3]):
                raise Wrong(
                    f"Look at {letter} again. Names in another order leave regular "
                    "mistakes, each kind under one wrong name, and touch no pixel."
                )
    expect_causes(
        answer,
        dict(zip("abc", _CAUSES[:3], strict=True)),
        {
            "a": "Compare the two lists of means, place by place.",
            "b": "Which range does the base expect, and how much of it is used here?",
            "c": "The share is high on the held-out files only. What do the stored "
            "files consist of?",
        },
    )
    return (
        "Print the range and the channel means on both sides of every hand-over, and "
        "split before you multiply files."
    )


def _causes(*order: int) -> str:
    pairs = (f'"{k}": "{_CAUSES[i]}"' for k, i in zip("abc", order, strict=True))
    return "causes = {" + ", ".join(pairs) + "}"


def _plans(**other: str) -> str:
    right = {letter: verdict for letter, (verdict, _) in _PLANS.items()}
    return f"plans = {right | other}"


EXERCISES = [
    Exercise(
        id="10.r1",
        title="A cache that goes wrong",
        name="cache_breaks",
        check=choice(
            "b",
            "The cache holds the features of one fixed picture; chance before the cut "
            "asks for others.",
            {
                "a": "The head comes after the features: they stay what they are.",
                "c": "The rate moves the head's weights only.",
            },
        ),
        hints=("What happens before the cut, and what after it?",),
        solution='cache_breaks = "b"',
        wrong=(
            WrongAnswer('cache_breaks = "a"', "comes after"),
            WrongAnswer('cache_breaks = "c"', "head's weights"),
        ),
    ),
    Exercise(
        id="10.r2",
        title="What validation images go through",
        name="validation_gets",
        check=choice(
            "b",
            "They ask how the network does on real images, and not on a draw.",
            {
                "a": "Then the answer depends on a draw, and asks about images that "
                "nobody took.",
                "c": "That would be another test, and not of what comes in use.",
            },
        ),
        hints=("What is the validation number to tell?",),
        solution='validation_gets = "b"',
        wrong=(
            WrongAnswer('validation_gets = "a"', "depends on a draw"),
            WrongAnswer('validation_gets = "c"', "another test"),
        ),
    ),
    Exercise(
        id="10.r3",
        title="BatchNorm asked for one photograph",
        name="answer_depends",
        check=choice(
            "a",
            "The batch is the one photograph, and it is normalised by itself.",
            {
                "b": "Those are used outside training mode.",
                "c": "No weight is trained by a question.",
            },
        ),
        hints=(
            "In training mode the statistics are the minibatch's. Which is it here?",
        ),
        solution='answer_depends = "a"',
        wrong=(
            WrongAnswer('answer_depends = "b"', "outside training mode"),
            WrongAnswer('answer_depends = "c"', "No weight"),
        ),
    ),
    Exercise(
        id="10.1",
        title="Groups from pairs",
        name="groups_of",
        check=check_groups,
        hints=(
            "Start with a number of its own for each photograph: 0, 1, 2 and so on.",
            "For each pair look up both numbers. If they differ, two groups meet.",
            "Then everybody who has the one number gets the other: go through the "
            "whole list, not only the pair.",
        ),
        solution="""
def groups_of(pairs, count):
    groups = np.arange(count)
    for i, j in pairs:
        groups[groups == groups[j]] = groups[i]
    return groups
""",
        wrong=(
            WrongAnswer(
                "def groups_of(pairs, count):\n"
                "    groups = np.arange(count)\n"
                "    for i, j in pairs:\n"
                "        groups[j] = groups[i]\n"
                "    return groups",
                "two groups",
            ),
            WrongAnswer(
                "def groups_of(pairs, count):\n"
                "    groups = np.arange(count)\n"
                "    for i, j in pairs:\n"
                "        groups[i] = groups[j] = min(groups[i], groups[j])\n"
                "    return groups",
                "two groups",
            ),
            WrongAnswer(
                "def groups_of(pairs, count):\n"
                "    groups = np.zeros(count, int)\n"
                "    for number, (i, j) in enumerate(pairs, 1):\n"
                "        groups[i] = groups[j] = groups[i] or groups[j] or number\n"
                "    return groups",
                "a group of its own",
            ),
            WrongAnswer(
                "def groups_of(pairs, count):\n    return np.zeros(count)",
                "of its own",
            ),
            WrongAnswer(
                "def groups_of(pairs, count):\n    return [pair[0] for pair in pairs]",
                "has one, also those",
            ),
        ),
        right=(
            "def groups_of(pairs, count):\n"
            "    groups = [{i} for i in range(count)]\n"
            "    for i, j in pairs:\n"
            "        merged = groups[i] | groups[j]\n"
            "        for k in merged:\n"
            "            groups[k] = merged\n"
            "    return [min(group) for group in groups]",
            "def groups_of(pairs, count):\n"
            "    from scipy.sparse import coo_array\n"
            "    from scipy.sparse.csgraph import connected_components\n"
            "    i, j = np.array(pairs, int).reshape(-1, 2).T\n"
            "    graph = coo_array((np.ones(len(i)), (i, j)), shape=(count, count))\n"
            "    return connected_components(graph, directed=False)[1]",
        ),
    ),
    Exercise(
        id="10.2",
        title="How much a test can tell",
        name="error_and_count",
        check=check_error_and_count,
        hints=(
            "One answer is right or wrong: its variance is p(1 - p). The mean of n "
            "independent answers has that variance divided by n.",
            "1.96 · sqrt(p(1 - p) / n) = 0.01; square both sides and solve for n.",
        ),
        solution="""
error = np.sqrt(0.92 * 0.08 / 180)
count = 0.92 * 0.08 * (1.96 / 0.01) ** 2
error_and_count = error, count
""",
        wrong=(
            WrongAnswer("error_and_count = 0.00041, 2800", "variance"),
            WrongAnswer("error_and_count = 0.27, 2800", "single answer"),
            WrongAnswer("error_and_count = 0.0396, 2800", "half of the interval"),
            WrongAnswer("error_and_count = 2.02, 2800", "not in percent"),
            WrongAnswer("error_and_count = 0.02, 736", "standard error of one point"),
            WrongAnswer("error_and_count = 0.02, 713", "root of n"),
            WrongAnswer("error_and_count = 0.02, 53", "square"),
        ),
        right=("error_and_count = [0.020, 2828]", 'error_and_count = "0.02", "2800"'),
    ),
    Exercise(
        id="10.3",
        title="Confident counts",
        name="confident_counts",
        check=check_confident_counts,
        hints=(
            "The thresholds first: for each class j the mean of p[y == j, j].",
            "`over = p >= thresholds` tells which classes an example may be a member "
            "of. `np.where(over, p, -1)` hides the others from argmax.",
            "Leave out rows without any class over its threshold, then add 1 at "
            "(label, member) for each of the others: `np.add.at`, or a loop.",
        ),
        solution="""
def confident_counts(p, y):
    classes = p.shape[1]
    thresholds = np.array([p[y == j, j].mean() for j in range(classes)])
    over = p >= thresholds
    member = np.where(over, p, -1).argmax(axis=1)
    counts = np.zeros((classes, classes), int)
    for label, j, known in zip(y, member, over.any(axis=1)):
        counts[label, j] += known
    return counts
""",
        wrong=(
            WrongAnswer(
                "def confident_counts(p, y):\n"
                "    counts = np.zeros((p.shape[1],) * 2, int)\n"
                "    np.add.at(counts, (y, p.argmax(axis=1)), 1)\n"
                "    return counts",
                "confusion matrix",
            ),
            WrongAnswer(
                "def confident_counts(p, y):\n"
                "    over = p >= p.mean(axis=0)\n"
                "    member = np.where(over, p, -1).argmax(axis=1)\n"
                "    counts = np.zeros((p.shape[1],) * 2, int)\n"
                "    some = over.any(axis=1)\n"
                "    np.add.at(counts, (y[some], member[some]), 1)\n"
                "    return counts",
                "not over all",
            ),
            WrongAnswer(
                "def confident_counts(p, y):\n"
                "    over = p >= p[np.arange(len(y)), y].mean()\n"
                "    member = np.where(over, p, -1).argmax(axis=1)\n"
                "    counts = np.zeros((p.shape[1],) * 2, int)\n"
                "    some = over.any(axis=1)\n"
                "    np.add.at(counts, (y[some], member[some]), 1)\n"
                "    return counts",
                "its own threshold",
            ),
            WrongAnswer(
                "def confident_counts(p, y):\n"
                "    t = [p[y == j, j].mean() for j in range(p.shape[1])]\n"
                "    over = p >= t\n"
                "    return np.array([over[y == i].sum(0) for i in range(len(t))])",
                "counted twice",
            ),
            WrongAnswer(
                "def confident_counts(p, y):\n"
                "    t = np.array([p[y == j, j].mean() for j in range(p.shape[1])])\n"
                "    top = p.argmax(axis=1)\n"
                "    sure = p.max(axis=1) >= t[top]\n"
                "    counts = np.zeros((len(t),) * 2, int)\n"
                "    np.add.at(counts, (y[sure], top[sure]), 1)\n"
                "    return counts",
                "among those that are over",
            ),
            WrongAnswer(
                "def confident_counts(p, y):\n"
                "    t = np.array([p[y == j, j].mean() for j in range(p.shape[1])])\n"
                "    over = p >= t\n"
                "    member = np.where(over, p, -1).argmax(axis=1)\n"
                "    counts = np.zeros((len(t),) * 2, int)\n"
                "    some = over.any(axis=1)\n"
                "    np.add.at(counts, (member[some], y[some]), 1)\n"
                "    return counts",
                "other way round",
            ),
        ),
    ),
    Exercise(
        id="10.4",
        title="Leaks or not",
        name="plans",
        check=check_plans,
        hints=(
            "Ask of each plan: would anything in the training or the choice be "
            "different if the held-out photographs were others?",
            "Labels and scores are not the only things that leak.",
        ),
        solution=_plans(),
        wrong=(
            WrongAnswer(_plans(a="leaks"), "Look at a"),
            WrongAnswer(_plans(b="clean"), "Look at b"),
            WrongAnswer(_plans(c="clean"), "Look at c"),
            WrongAnswer(_plans(d="clean"), "Look at d"),
            WrongAnswer(_plans(e="leaks"), "Look at e"),
            WrongAnswer("plans = 'leaks'", "dictionary"),
            WrongAnswer(_plans(c="maybe"), "answer with"),
        ),
        right=(_plans(a="Clean", b="LEAKS"),),
    ),
    Exercise(
        id="10.5",
        title="Three colleagues",
        name="causes",
        check=check_causes,
        hints=(
            "Each cause leaves one mark: a swapped list of means, a narrow range, or a "
            "number that is too good on one set only.",
        ),
        solution=_causes(0, 1, 2),
        wrong=(
            WrongAnswer(_causes(1, 0, 2), "Look at a"),
            WrongAnswer(_causes(0, 2, 1), "Look at b"),
            WrongAnswer(_causes(0, 1, 1), "Look at c"),
            WrongAnswer(_causes(0, 3, 2), "touch no pixel"),
            WrongAnswer('causes = {"a": "bad luck", "b": "", "c": ""}', "not one of"),
        ),
    ),
]
