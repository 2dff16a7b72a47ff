"""Checks, hints and solutions of Day 15."""

import numpy as np

from common.exercises import (
    Exercise,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
    expect_parts,
)

SETUP = """
import numpy as np


def patchify_np(images, patch):
    n, height, width, channels = images.shape
    cut = images.reshape(n, height // patch, patch, width // patch, patch, channels)
    return cut.swapaxes(2, 3).reshape(n, -1, patch * patch * channels)


def unpatchify_np(patches, patch, channels=3):
    n, grid = len(patches), round(patches.shape[1] ** 0.5)
    cut = patches.reshape(n, grid, grid, patch, patch, channels)
    return cut.swapaxes(2, 3).reshape(n, grid * patch, grid * patch, channels)
"""


def check_tokens(tokens_and_pairs):
    for side, patch in ((32, 4), (224, 16), (12, 6)):
        grid = side // patch
        right = grid**2 + 1
        tokens, pairs = expect_parts(
            tokens_and_pairs(side, patch),
            2,
            "Return two numbers: (tokens, attention weights of one head).",
        )
        expect_number(
            tokens,
            right,
            {
                right - 1: "The further token that is set before them counts as well.",
                grid + 1: "There are side / patch patches in a row, and as many rows.",
                grid: "There are side / patch patches in a row, and as many rows.",
                side**2 // patch + 1: "A patch has patch × patch pixels.",
                side**2 // patch: "A patch has patch × patch pixels.",
                side**2: "A token is a patch, not a pixel.",
            },
            digits=6,
            otherwise=f"How many patches of {patch} × {patch} cover {side} × {side} "
            "pixels, and what stands before them?",
        )
        expect_number(
            pairs,
            right**2,
            {
                (right - 1) ** 2: "The further token asks and is asked as well.",
                right * (right - 1): "A token looks at itself, too.",
                right * (right - 1) // 2: "Each token has a query of its own, so a "
                "pair counts twice, and a token looks at itself, too.",
                right * (right + 1) // 2: "Each token has a query of its own, so a "
                "pair counts twice.",
                right: "Every token looks at every token.",
                2 * right: "Every token looks at every token.",
            },
            digits=6,
            otherwise="A head has one weight for each pair of a query and a key.",
        )
    return "With patches half as wide it is sixteen times as many weights."


def check_jigsaw(solve_jigsaw):
    rng = np.random.default_rng(15)
    for side, patch in ((12, 4), (8, 2)):
        puzzles = rng.random((3, side, side, 3))
        grid = side // patch
        order = rng.permutation(grid**2)
        back = np.argsort(order)
        cut = puzzles.reshape(3, grid, patch, grid, patch, 3).swapaxes(2, 3)
        cut = cut.reshape(3, grid**2, -1)
        stripes = puzzles.reshape(3, grid**2, -1)

        def joined(patches, patch=patch, side=side, grid=grid):
            square = patches.reshape(len(patches), grid, grid, patch, patch, 3)
            return square.swapaxes(2, 3).reshape(len(patches), side, side, 3)

        expect_close(
            solve_jigsaw(puzzles.copy(), order.copy(), patch),
            joined(cut[:, back]),
            "the photographs",
            [
                (puzzles, "Nothing has moved."),
                (
                    joined(cut[:, order]),
                    "That shuffles once more: place i got the patch from place "
                    "order[i]. But the patch at place i belongs at place order[i].",
                ),
                *(
                    (
                        stripes[:, one].reshape(puzzles.shape),
                        "Those are stripes: a reshape alone does not keep the pixels "
                        "of a patch together.",
                    )
                    for one in (order, back)
                ),
                (
                    cut[:, back],
                    "Those are patches in the right order. Put them together again.",
                ),
                (
                    cut[:, back].reshape(puzzles.shape),
                    "The way back needs a swap of axes as well.",
                ),
            ],
        )
    return "A network without positions does not see the difference."


def check_rollout(rollout):
    rng = np.random.default_rng(15)
    maps = rng.exponential(size=(3, 2, 6, 6)) ** 2
    maps /= maps.sum(axis=-1, keepdims=True)
    same = np.eye(6)
    mixed = [(one.mean(axis=0) + same) / 2 for one in maps]
    plain = [one.mean(axis=0) for one in maps]

    def chained(matrices):
        product = same
        for matrix in matrices:
            product = matrix @ product
        return product

    right = chained(mixed)
    row = right[0, 1:]
    expect_close(
        rollout([one.copy() for one in maps]),
        row,
        "the share of each patch",
        [
            (right[0], "Leave the class token's own share out: T − 1 numbers."),
            (right, "Return one row of the product: the class token's."),
            (right[1:, 0], "That is the column: what each patch takes from the class "
             "token. Rows are queries."),
            (chained(mixed[::-1])[0, 1:], "The order of the product is turned round: "
             "what leaves the first block is mixed by the second, so the second "
             "block's matrix stands to the left of the first one's."),
            (chained(plain)[0, 1:], "The shortcuts are missing: half of the identity "
             "belongs into each block's matrix."),
            (chained([2 * one for one in mixed])[0, 1:], "Half of each: otherwise the "
             "shares of a row do not add up to 1."),
            (mixed[-1][0, 1:], "That is the last block alone."),
            (plain[-1][0, 1:], "That is the last block alone, without its shortcut."),
            (np.mean(mixed, axis=0)[0, 1:], "The blocks stand one after another, so "
             "their matrices multiply."),
            (np.prod(mixed, axis=0)[0, 1:], "A product of matrices, not entry by "
             "entry."),
            (row / row.sum(), "Do not divide by the sum: what is missing to 1 is the "
             "class token's own share."),
        ],
    )  # fmt: skip
    return "It follows where tokens were mixed, and still not what their values did."


FAULTS = ["wrong axis", "late positions", "stripes", "scaled by d"]
ORDER = np.random.default_rng(2020).permutation(4)
"""Which fault each letter of 15.4 stands for, as the notebook draws it."""

LETTERED = {letter: FAULTS[i] for letter, i in zip("ABCD", ORDER, strict=True)}

SYMPTOMS = {
    "wrong axis": "Shares that a softmax hands out along a row add up to 1 there. Do "
    "they?",
    "stripes": "How many pixel rows should one patch of 4 × 4 reach over?",
    "late positions": "What is the mean of all outputs after a shuffle, if attention "
    "cannot know the places?",
    "scaled by d": "Divided by too much, all scores are close to zero. What does a "
    "softmax make of equal scores?",
}


def check_diagnosis(diagnosis):
    letters = {fault: letter for letter, fault in LETTERED.items()}
    expect_causes(
        diagnosis,
        LETTERED,
        {letters[fault]: reason for fault, reason in SYMPTOMS.items()},
        "faults",
    )
    return "Each of them trains without an error message, and badly."


def swapped(one: str, other: str) -> str:
    """The right answer with two faults exchanged, as source."""
    turned = {one: other, other: one}
    answer = {letter: turned.get(fault, fault) for letter, fault in LETTERED.items()}
    return f"diagnosis = {answer}"


EXERCISES = [
    Exercise(
        id="15.r1",
        title="Weights of a convolution",
        name="weights_depend_on",
        check=choice(
            "b",
            "The same kernel is used at every place.",
            {
                "a": "A larger image has more places, and every place has the same "
                "weights.",
                "c": "No layer's weights depend on how many examples come at once.",
            },
        ),
        hints=("Count the weights of a 3 × 3 convolution from 3 to 8 channels.",),
        solution='weights_depend_on = "b"',
        wrong=(
            WrongAnswer('weights_depend_on = "a"', "every place"),
            WrongAnswer('weights_depend_on = "c"', "how many examples"),
        ),
    ),
    Exercise(
        id="15.r2",
        title="What LayerNorm normalises",
        name="mean_over",
        check=choice(
            "b",
            "So it works the same in training and prediction, and for one example.",
            {
                "a": "That is BatchNorm.",
                "c": "Then one example's answer would depend on all others.",
            },
        ),
        hints=("Unlike BatchNorm, it needs no moving averages.",),
        solution='mean_over = "b"',
        wrong=(
            WrongAnswer('mean_over = "a"', "BatchNorm"),
            WrongAnswer('mean_over = "c"', "all others"),
        ),
    ),
    Exercise(
        id="15.r3",
        title="Where augmentation helps",
        name="brings_most",
        check=choice(
            "a",
            "With many photographs most of the variety is there already.",
            {
                "b": "Where the variety is in the data already, copies add little.",
                "c": "A network that does not fit what it sees gains nothing from a "
                "harder task.",
            },
        ),
        hints=("Think of what a copy adds to what the network has seen.",),
        solution='brings_most = "a"',
        wrong=(
            WrongAnswer('brings_most = "b"', "add little"),
            WrongAnswer('brings_most = "c"', "harder task"),
        ),
    ),
    Exercise(
        id="15.1",
        title="Tokens and pairs",
        name="tokens_and_pairs",
        check=check_tokens,
        hints=(
            "A row of the photograph holds side // patch patches.",
            "There are as many rows of patches as columns, and one token more.",
            "Each token is compared with every token, itself included.",
        ),
        solution="""
def tokens_and_pairs(side, patch):
    tokens = (side // patch) ** 2 + 1
    return tokens, tokens**2
""",
        wrong=(
            WrongAnswer(
                "def tokens_and_pairs(side, patch):\n"
                "    n = (side // patch) ** 2\n"
                "    return n, n**2",
                "further token",
            ),
            WrongAnswer(
                "def tokens_and_pairs(side, patch):\n"
                "    n = side // patch + 1\n"
                "    return n, n**2",
                "as many rows",
            ),
            WrongAnswer(
                "def tokens_and_pairs(side, patch):\n"
                "    n = (side // patch) ** 2 + 1\n"
                "    return n, n * (n - 1)",
                "itself",
            ),
            WrongAnswer(
                "def tokens_and_pairs(side, patch):\n"
                "    n = (side // patch) ** 2 + 1\n"
                "    return n, n * (n + 1) // 2",
                "counts twice",
            ),
        ),
    ),
    Exercise(
        id="15.2",
        title="A jigsaw of patches",
        name="solve_jigsaw",
        check=check_jigsaw,
        hints=(
            "Cut the puzzles, bring each patch to its place, put them together.",
            "patches[:, order] reads from the places order[i]. Here you have to write "
            "to them.",
            "Make an array like the patches, and fill its [:, order] with them.",
        ),
        solution="""
def solve_jigsaw(puzzles, order, patch):
    patches = patchify_np(puzzles, patch)
    right = np.empty_like(patches)
    right[:, order] = patches
    return unpatchify_np(right, patch)
""",
        wrong=(
            WrongAnswer(
                "def solve_jigsaw(puzzles, order, patch):\n    return puzzles", "moved"
            ),
            WrongAnswer(
                "def solve_jigsaw(puzzles, order, patch):\n"
                "    cut = patchify_np(puzzles, patch)\n"
                "    return unpatchify_np(cut[:, order], patch)",
                "once more",
            ),
            WrongAnswer(
                "def solve_jigsaw(puzzles, order, patch):\n"
                "    return patchify_np(puzzles, patch)[:, np.argsort(order)]",
                "together again",
            ),
            WrongAnswer(
                "def solve_jigsaw(puzzles, order, patch):\n"
                "    cut = puzzles.reshape(len(puzzles), len(order), -1)\n"
                "    return cut[:, np.argsort(order)].reshape(puzzles.shape)",
                "stripes",
            ),
            WrongAnswer(
                "def solve_jigsaw(puzzles, order, patch):\n"
                "    cut = patchify_np(puzzles, patch)[:, np.argsort(order)]\n"
                "    return cut.reshape(puzzles.shape)",
                "swap of axes",
            ),
        ),
        right=(
            "def solve_jigsaw(puzzles, order, patch):\n"
            "    cut = patchify_np(puzzles, patch)\n"
            "    return unpatchify_np(cut[:, np.argsort(order)], patch)",
            "def solve_jigsaw(puzzles, order, patch):\n"
            "    new, grid = np.empty_like(puzzles), puzzles.shape[1] // patch\n"
            "    for i, j in enumerate(order):\n"
            "        (r, c), (s, t) = divmod(i, grid), divmod(j, grid)\n"
            "        r, c, s, t = (patch * k for k in (r, c, s, t))\n"
            "        new[:, s : s + patch, t : t + patch] = puzzles[\n"
            "            :, r : r + patch, c : c + patch]\n"
            "    return new",
        ),
    ),
    Exercise(
        id="15.3",
        title="Rollout",
        name="rollout",
        check=check_rollout,
        hints=(
            "For each block: (mean over heads + identity) / 2.",
            "Begin with the identity; for each block in turn, put its matrix to the "
            "left of what you have.",
            "Row 0 is the class token's; leave its first entry out.",
        ),
        solution="""
def rollout(maps):
    total = np.eye(maps[0].shape[-1])
    for one in maps:
        total = (one.mean(axis=0) + np.eye(len(total))) / 2 @ total
    return total[0, 1:]
""",
        wrong=(
            WrongAnswer(
                "def rollout(maps):\n"
                "    total = np.eye(maps[0].shape[-1])\n"
                "    for one in maps:\n"
                "        total = total @ (one.mean(axis=0) + np.eye(len(total))) / 2\n"
                "    return total[0, 1:]",
                "turned round",
            ),
            WrongAnswer(
                "def rollout(maps):\n"
                "    total = np.eye(maps[0].shape[-1])\n"
                "    for one in maps:\n"
                "        total = one.mean(axis=0) @ total\n"
                "    return total[0, 1:]",
                "shortcuts are missing",
            ),
            WrongAnswer(
                "def rollout(maps):\n"
                "    total = np.eye(maps[0].shape[-1])\n"
                "    for one in maps:\n"
                "        total = (one.mean(axis=0) + np.eye(len(total))) @ total\n"
                "    return total[0, 1:]",
                "Half of each",
            ),
            WrongAnswer(
                "def rollout(maps):\n"
                "    total = np.eye(maps[0].shape[-1])\n"
                "    for one in maps:\n"
                "        total = (one.mean(axis=0) + np.eye(len(total))) / 2 @ total\n"
                "    return total[1:, 0]",
                "column",
            ),
            WrongAnswer(
                "def rollout(maps):\n"
                "    total = np.eye(maps[0].shape[-1])\n"
                "    for one in maps:\n"
                "        total = (one.mean(axis=0) + np.eye(len(total))) / 2 @ total\n"
                "    return total[0]",
                "own share",
            ),
            WrongAnswer(
                "def rollout(maps):\n    return maps[-1].mean(axis=0)[0, 1:]",
                "last block alone",
            ),
        ),
    ),
    Exercise(
        id="15.4",
        title="Four faults",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "One symptom of each is unlike the healthy column; find it.",
            "A softmax along the wrong axis spoils the sums of the rows; a reshape "
            "without the swap makes patches that are not square.",
            "Of the other two, one does not notice a shuffle in its mean output, and "
            "one spreads its attention more evenly than the healthy one.",
        ),
        solution=f"diagnosis = {LETTERED}",
        wrong=(
            WrongAnswer(swapped("wrong axis", "scaled by d"), "add up to 1"),
            WrongAnswer(swapped("stripes", "late positions"), "pixel rows"),
            WrongAnswer(swapped("late positions", "scaled by d"), "after a shuffle"),
            WrongAnswer(
                f"diagnosis = {LETTERED | {'A': 'no fault'}}", "not one of the faults"
            ),
            WrongAnswer("diagnosis = 'stripes'", "dictionary"),
        ),
    ),
]
