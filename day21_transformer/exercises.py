"""Checks, hints and solutions of Day 21."""

import numpy as np

from common.exercises import (
    Exercise,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
    refuse_blank,
)

SETUP = "import numpy as np"


def check_block_parameters(answer):
    expect_number(
        answer,
        3_152_384,
        {
            3_147_776: "Every matrix has a bias: four in the attention, two in the "
            "feed-forward layer.",
            3_145_728: "Those are the six matrices; biases and LayerNorms are missing.",
            3_150_336: "The two LayerNorms are missing: a scale and a shift for each "
            "of the 512 features.",
            3_151_360: "There are two LayerNorms, one before each part.",
            2_889_728: "A fourth matrix mixes the heads' results, W_O.",
            1_050_624: "That is the attention; the feed-forward layer and the norms "
            "are missing.",
            2_099_712: "That is the feed-forward layer alone.",
        },
        rtol=1e-5,
        digits=3,
        otherwise="Attention: four matrices 512 × 512 with biases, however many heads "
        "share their columns. Feed-forward: 512 × 2,048 and back, with biases. Two "
        "norms of 2 · 512.",
    )
    return "The number of heads does not matter: they cut the same columns."


def check_even_length(answer):
    expect_number(
        answer,
        3_072,
        {
            2_048: "With 2,048 hidden units the feed-forward layer costs 16 T d², "
            "twice what it costs in section 6, where there are 2d.",
            1_024: "The feed-forward layer's products count too.",
            6_144: "There are two products with T × T weights, of 2 T² d each.",
            12_288: "There are two such products, and a multiplication and an addition "
            "count as two FLOPs in them as well.",
            6: "Almost: that is the length in units of d.",
        },
        rtol=1e-4,
        otherwise="Set 4 T² d equal to the four projections plus the feed-forward "
        "layer, 8 T d² + 4 T d f with f hidden units, and solve for T.",
    )
    return "Up to some thousand tokens most of the arithmetic is not quadratic at all."


def check_window_mask(window_mask_np):
    ids = np.array([[5, 6, 7, 8, 9, 0], [0, 0, 4, 3, 2, 1], [0, 8, 7, 6, 0, 0]])
    width = 2
    got = window_mask_np(ids.copy(), width)
    refuse_blank(got)
    real, place = ids != 0, np.arange(ids.shape[1])
    back = place[:, None] - place[None]  # row minus column
    inside = (back >= 0) & (back <= width)
    column, row = real[:, None, :], real[:, :, None]

    def judged(mask):
        """Rows of padding are nobody's business."""
        return np.where(row, mask, 0)

    try:
        listed = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        listed = got
    if np.shape(listed) == (*ids.shape, ids.shape[1]):
        got = judged(listed)
    want = inside & column
    known = [
        (judged(inside.T & column), "Upside down: rows look, columns are looked "
         "at, so row minus column is how far back it lies."),
        (judged(np.broadcast_to(inside, want.shape)), "Padding is still looked at: "
         "the columns of padding have to be False."),
        (judged(inside & row), "You hide the rows of padding; nobody may look *at* "
         "it, so hide its columns."),
        (judged((np.abs(back) <= width) & column), "That looks ahead as well."),
        (judged((back >= 0) & column), "That is a causal mask without a window."),
        (judged((back >= 0) & (back < width) & column), "Itself and `width` places "
         "before it make width + 1 places."),
        (judged((back > 0) & (back <= width) & column), "A place looks at itself too."),
        (judged(~want), "Turned round: True where it may look."),
        (inside, "One mask for each text is asked for, (batch, T, T): the padding "
         "differs."),
    ]  # fmt: skip
    expect_close(got, judged(want), "the mask", known)
    return "Its cost grows with T times the window, no longer with T²."


def check_split_heads(split_heads_np):
    x = np.arange(48.0).reshape(2, 3, 8)
    got = split_heads_np(x.copy(), 4)
    cut = x.reshape(2, 3, 4, 2)
    known = [
        (x.reshape(2, 4, 3, 2), "The shape is right and the numbers are not: reshape "
         "fills row after row, so a head gets pieces of several words. Cut each "
         "word's vector first, then swap the axes."),
        (cut, "Cut, but not yet swapped: the heads' axis comes before the places'."),
        (x.reshape(2, 3, 2, 4).transpose(0, 3, 1, 2), "Head 1 gets the *first* d_k "
         "columns, not every fourth one."),
        (cut.transpose(2, 0, 1, 3), "The batch comes first, then the heads."),
        (cut.transpose(0, 2, 3, 1), "The last axis holds d_k, the places come "
         "before it."),
    ]  # fmt: skip
    expect_close(got, cut.transpose(0, 2, 1, 3), "the heads", known)
    return "Back again: swap the same two axes, then reshape."


_FAULTS = {
    "A": "sees the future",
    "B": "wrong task",
    "C": "wrong memory",
    "D": "no positions",
}


def check_diagnosis(answer):
    why = {
        "A": "Given the right answer, A is right; left alone it is lost. What did it "
        "read in training that it has to write itself now?",
        "B": "B uses the right digits, all of them, and hardly an answer is exact.",
        "C": "C does not even find the digits: where do they come from?",
        "D": "D looks into the right string and does as it was told. What does it "
        "not know about the digits?",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return "A mask that is missing in training shows in decoding only."


EXERCISES = [
    Exercise(
        id="21.r1",
        title="Recall: the square root",
        name="recall_1",
        check=choice(
            "b",
            "A sum of d_k products has d_k times the variance of one.",
            {
                "a": "The softmax makes the weights add up to 1, whatever is divided.",
                "c": "One more division saves no time.",
            },
        ),
        hints=(
            "What happens to the variance of a sum when it gets more terms?",
            "And what does a softmax do to very different scores?",
        ),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "softmax makes"),
            WrongAnswer('recall_1 = "c"', "saves no time"),
        ),
    ),
    Exercise(
        id="21.r2",
        title="Recall: what LayerNorm averages",
        name="recall_2",
        check=choice(
            "c",
            "One place at a time: neither other texts nor other words matter.",
            {
                "a": "That is BatchNorm.",
                "b": "Then the length of a text would change what a word becomes.",
            },
        ),
        hints=(
            "Day 7's cubes: which cells share a mean?",
            "It works for a batch of one text, and for a text of one word.",
        ),
        solution='recall_2 = "c"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "BatchNorm"),
            WrongAnswer('recall_2 = "b"', "length of a text"),
        ),
    ),
    Exercise(
        id="21.r3",
        title="Recall: the gradient of a shortcut",
        name="recall_3",
        check=choice(
            "a",
            "x is used twice, so two gradients arrive and are added.",
            {
                "b": "x itself stands in the sum too.",
                "c": "A sum hands its gradient on whole, to each of its terms.",
            },
        ),
        hints=(
            "By how many roads does x reach y?",
            "Each road brings a gradient, and they are added.",
        ),
        solution='recall_3 = "a"',
        wrong=(
            WrongAnswer('recall_3 = "b"', "stands in the sum"),
            WrongAnswer('recall_3 = "c"', "whole"),
        ),
    ),
    Exercise(
        id="21.1",
        title="Count a block's parameters",
        name="block_parameters",
        check=check_block_parameters,
        hints=(
            "Eight heads of width 64 are 512 columns: each of Q, K, V is one matrix.",
            "4 (512² + 512) for the attention, W_O among them.",
            "Add 512 · 2,048 + 2,048 + 2,048 · 512 + 512, and 2 · 2 · 512.",
        ),
        solution="block_parameters = (4 * (512**2 + 512) + 2 * 2 * 512\n"
        "                    + 512 * 2048 + 2048 + 2048 * 512 + 512)",
        wrong=(
            WrongAnswer("block_parameters = 3_147_776", "has a bias"),
            WrongAnswer("block_parameters = 3_145_728", "six matrices"),
            WrongAnswer("block_parameters = 3_150_336", "LayerNorms are missing"),
            WrongAnswer("block_parameters = 3_151_360", "two LayerNorms"),
            WrongAnswer("block_parameters = 2_889_728", "W_O"),
            WrongAnswer("block_parameters = 1_050_624", "That is the attention"),
            WrongAnswer("block_parameters = 2_099_712", "feed-forward layer alone"),
            WrongAnswer("block_parameters = 8 * 3_152_384", "however many heads"),
        ),
    ),
    Exercise(
        id="21.2",
        title="A window",
        name="window_mask_np",
        check=check_window_mask,
        hints=(
            "With place = np.arange(T), place[:, None] - place says how far back a "
            "column lies from a row.",
            "Allowed where that number is at least 0 and at most width.",
            "And where ids[:, None, :] is no padding: & joins the two.",
        ),
        solution="""
def window_mask_np(ids, width):
    place = np.arange(ids.shape[1])
    back = place[:, None] - place
    return (back >= 0) & (back <= width) & (ids != 0)[:, None, :]
""",
        wrong=tuple(
            WrongAnswer(
                "def window_mask_np(ids, width):\n"
                "    place = np.arange(ids.shape[1])\n"
                "    back = place[:, None] - place\n"
                "    real = (ids != 0)[:, None, :]\n"
                "    inside = (back >= 0) & (back <= width)\n"
                f"    {body}",
                reason,
            )
            for body, reason in (
                ("return inside.T & real", "Upside down"),
                ("return inside & np.ones_like(real)", "Padding is still"),
                ("return inside & (ids != 0)[:, :, None]", "looked"),
                ("return (abs(back) <= width) & real", "looks ahead"),
                ("return (back >= 0) & real", "without a window"),
                ("return (back >= 0) & (back < width) & real", "width + 1"),
                ("return (back > 0) & (back <= width) & real", "itself too"),
                ("return ~(inside & real)", "Turned round"),
                ("return inside", "One mask for each text"),
                ("inside", "return statement"),
            )
        ),
        right=(
            "def window_mask_np(ids, width):\n"
            "    back = np.subtract.outer(*2 * [np.arange(ids.shape[1])])\n"
            "    real = ids != 0\n"
            "    return ((back >= 0) & (back <= width) & real[:, None]\n"
            "            & real[:, :, None]).astype(int)",
        ),
    ),
    Exercise(
        id="21.3",
        title="Cut into heads",
        name="split_heads_np",
        check=check_split_heads,
        hints=(
            "Which numbers of one word belong to head 1? They lie side by side.",
            "So cut the last axis in two, (heads, d_k), and leave the others alone.",
            "Then swap the axes of places and heads.",
        ),
        solution="""
def split_heads_np(x, heads):
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).swapaxes(1, 2)
""",
        wrong=tuple(
            WrongAnswer(
                f"def split_heads_np(x, heads):\n    b, t, w = x.shape\n    {body}",
                reason,
            )
            for body, reason in (
                ("return x.reshape(b, heads, t, w // heads)", "numbers are not"),
                ("return x.reshape(b, t, heads, w // heads)", "not yet swapped"),
                (
                    "return x.reshape(b, t, w // heads, heads).transpose(0, 3, 1, 2)",
                    "first",
                ),
                (
                    "return x.reshape(b, t, heads, -1).transpose(2, 0, 1, 3)",
                    "batch comes first",
                ),
                (
                    "return x.reshape(b, t, heads, -1).transpose(0, 2, 3, 1)",
                    "last axis",
                ),
                ("x.reshape(b, t, heads, -1)", "return statement"),
            )
        ),
        right=(
            "def split_heads_np(x, heads):\n"
            "    return np.stack(np.split(x, heads, axis=-1), axis=1)",
        ),
    ),
    Exercise(
        id="21.4",
        title="Four broken networks",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Which one is right as long as somebody else writes the answer?",
            "Which one has all the digits and puts them in the wrong order?",
            "Of the other two, one reads another string; the other reads the right "
            "one as a heap of digits.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "wrong task", "B": "sees the future", '
                '"C": "wrong memory", "D": "no positions"}',
                "Look at A",
            ),
            WrongAnswer(
                'diagnosis = {"A": "sees the future", "B": "no positions", '
                '"C": "wrong memory", "D": "wrong task"}',
                "Look at B",
            ),
            WrongAnswer(
                'diagnosis = {"A": "sees the future", "B": "wrong task", '
                '"C": "no positions", "D": "wrong memory"}',
                "Look at C",
            ),
            WrongAnswer(
                'diagnosis = {"A": "sees the future", "B": "wrong task", '
                '"C": "wrong memory", "D": "wrong memory"}',
                "Look at D",
            ),
            WrongAnswer(
                'diagnosis = dict.fromkeys("ABCD", "bad luck")', "not one of the faults"
            ),
            WrongAnswer('diagnosis = "wrong task"', "dictionary"),
        ),
    ),
    Exercise(
        id="21.5",
        title="Where the quadratic part is half",
        name="even_length",
        check=check_even_length,
        hints=(
            "Section 6 counts the products; here there are 4d hidden units, not 2d.",
            "8 T d² for the projections, 16 T d² for the feed-forward layer.",
            "24 T d² = 4 T² d.",
        ),
        solution="even_length = 6 * 512",
        wrong=(
            WrongAnswer("even_length = 2048", "twice what it costs"),
            WrongAnswer("even_length = 1024", "count too"),
            WrongAnswer("even_length = 6144", "two products"),
            WrongAnswer("even_length = 12288", "two such products"),
            WrongAnswer("even_length = 6", "units of d"),
            WrongAnswer("even_length = 100", "solve for T"),
        ),
    ),
]
