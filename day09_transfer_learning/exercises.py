"""Checks, hints and solutions of Day 9."""

from collections.abc import Mapping

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
    number,
    refuse_blank,
    whole_number,
    word,
)

SETUP = """
import numpy as np
"""


def check_block_cost(block_cost):
    for case in ((24, 24, 6, 16, 16, 1), (24, 32, 6, 8, 12, 2), (16, 40, 4, 6, 4, 2)):
        c_in, c_out, expansion, rows, columns, stride = case
        got = block_cost(*case)
        weights, times = expect_parts(got, 2, "Return two: (weights, multiplications).")
        wide = expansion * c_in
        parts = np.array([c_in * wide, 9 * wide, wide * c_out])
        before = rows * columns
        after = before // stride**2
        told = (
            f"c_in {c_in}, c_out {c_out}, expansion {expansion}, {rows} × {columns} "
            f"places, stride {stride}"
        )
        given = whole_number(weights, "The number of weights")
        known = {
            c_in * wide + 9 * wide * wide + wide * c_out: "The depthwise convolution "
            "has one 3 × 3 kernel for each map, and mixes no maps.",
            int(parts[[0, 2]].sum()): "The depthwise convolution is missing.",
            int(parts[1:].sum()): "The first 1 × 1 convolution is missing.",
            c_in * wide + 9 * wide + wide * c_in: "The last convolution gives c_out "
            "maps.",
            int(parts.sum()) + 2 * wide + c_out: "Leave the biases out.",
        }
        known.pop(int(parts.sum()), None)
        if given != parts.sum():
            reason = known.get(given, f"It should be {parts.sum():,}, not {given:,}.")
            raise Wrong(f"The weights ({told}): {reason}")
        given = whole_number(times, "The number of multiplications")
        right = int(parts[0] * before + parts[1:].sum() * after)
        known = {
            int(parts.sum() * before): "The stride makes the later maps smaller: the "
            "depthwise convolution and the last one work at fewer places.",
            int(parts.sum() * after): "The first 1 × 1 convolution works before the "
            "stride, at all places.",
            int(parts[:2].sum() * before + parts[2] * after): "A depthwise convolution "
            "with stride 2 is computed only at the places that it gives on.",
            int(parts.sum()): "Each weight is used once at every place.",
            2 * right: "Count the multiplications alone, without the additions.",
        }
        known.pop(right, None)
        if given != right:
            reason = known.get(given, f"It should be {right:,}, not {given:,}.")
            raise Wrong(f"The multiplications ({told}): {reason}")
    return "Nearly all of it is in the two 1 × 1 convolutions."


def check_half_way(answer):
    slow, fast = expect_parts(answer, 2, "Give two numbers: (with 0.999, with 0.9).")
    expect_number(
        slow,
        np.log(0.5) / np.log(0.999),
        {
            500.0: "Each step takes a thousandth of what is *left*, not of the whole "
            "way: solve 0.999 ** n = 0.5.",
            1000.0: "After 1,000 steps about 63 % of the way is gone.",
            0.5 / 0.999: "How many factors of 0.999 make 0.5?",
        },
        otherwise="With momentum 0.999: after n steps the share 0.999 ** n of the old "
        "value is left.",
    )
    given = number(fast)
    if not 6.4 <= given <= 7.0:
        if np.isclose(given, 5, atol=0.01):
            raise Wrong("Each step takes a tenth of what is *left*: 0.9 ** n = 0.5.")
        raise Wrong("With momentum 0.9: for which n is 0.9 ** n = 0.5?")
    return (
        "Hundreds of steps, and a short fine-tuning has no more. Until then "
        "prediction normalises by the old averages, and training by the new batches."
    )


_MOVES = (
    "weights",
    "weights and averages",
    "nothing of the base",
    "nothing, but dropout is on",
)
_SITUATIONS = {
    "a": (
        "nothing, but dropout is on",
        "Which of the two switches does dropout listen to, and what does fit say?",
    ),
    "b": ("weights", "The averages belong to the BatchNorm layers, which are frozen."),
    "c": (
        "weights",
        "The call is your own and says how BatchNorm behaves; trainable says whether "
        "there are gradients.",
    ),
    "d": (
        "nothing of the base",
        "Predicting changes nothing, whatever trainable says.",
    ),
    "e": (
        "weights and averages",
        "Nothing is frozen, and fit says how BatchNorm behaves.",
    ),
}


def _by_letter(answer, letters):
    given = (
        {word(letter): value for letter, value in answer.items()}
        if isinstance(answer, Mapping)
        else {}
    )
    if set(given) != set(letters):
        keys = ", ".join(f'"{letter}"' for letter in letters)
        raise Wrong(f"Answer with a dictionary that has the keys {keys}.")
    return given


def check_moves(moves):
    given = _by_letter(moves, "abcde")
    for letter, (right, reason) in _SITUATIONS.items():
        refuse_blank(given[letter])
        if word(given[letter]) not in map(word, _MOVES):
            named = ", ".join(f'"{one}"' for one in sorted(_MOVES))
            raise Wrong(f"Answer {letter} with one of {named}.")
        if word(given[letter]) != word(right):
            raise Wrong(f"Look at {letter} again. {reason}")
    return "For fine-tuning with fit you want b."


_PLANS = {
    "a": (True, "Chance that acts after the cut works on cached maps as well."),
    "b": (False, "If a block below the cut changes, so do its maps."),
    "c": (
        False,
        "The cache holds the maps of the photographs that it was given; a rotated one "
        "has others.",
    ),
    "d": (
        True,
        "Whatever happens above the cut happens to the cached maps too. (It may be a "
        "bad idea, but it is computed exactly.)",
    ),
    "e": (True, "The maps belong to the photographs and know no labels."),
}
_YES, _NO = {"true", "yes", "1", "exact"}, {"false", "no", "0", "not exact"}


def check_exact(exact):
    given = _by_letter(exact, "abcde")
    for letter, (right, reason) in _PLANS.items():
        refuse_blank(given[letter])
        said = word(given[letter])
        if said not in _YES | _NO:
            raise Wrong(f'Answer {letter} with "exact" or "not exact".')
        if (said in _YES) != right:
            raise Wrong(f"Look at {letter} again. {reason}")
    return "What acts before the cut has to be fixed; what comes after is free."


def check_causes(causes):
    expect_causes(
        causes,
        {
            "a": "rows in another order",
            "b": "BatchNorm in training mode",
            "c": "validation rows in the training cache",
            "d": "wrong range",
        },
        {
            "a": "Where should the features of photograph 0 stand?",
            "b": "What lets one photograph's features depend on the others?",
            "c": "Compare the number of photographs with the number of rows.",
            "d": "How large are the values that a pixel may have, for the first layer?",
        },
    )
    return (
        "Four checks worth writing: recompute one row, ask one photograph alone, count "
        "the rows, look at the range."
    )


_CAUSES = (
    "rows in another order",
    "BatchNorm in training mode",
    "validation rows in the training cache",
    "wrong range",
)


def _with_causes(*causes):
    return f"causes = {dict(zip('abcd', causes, strict=True))}"


def _moves(*numbers):
    said = [_MOVES[number] for number in numbers]
    return f"moves = {dict(zip('abcde', said, strict=True))}"


def _exact(plans):
    said = ["exact" if one == "y" else "not exact" for one in plans]
    return f"exact = {dict(zip('abcde', said, strict=True))}"


EXERCISES = [
    Exercise(
        id="9.r1",
        title="A 1 × 1 convolution",
        name="mixed",
        check=choice(
            "b",
            "It is a Dense layer at every place.",
            {
                "a": "Its kernel covers a single place.",
                "c": "No layer of this kind mixes images.",
            },
        ),
        hints=("How many places does a kernel of 1 × 1 cover?",),
        solution='mixed = "b"',
        wrong=(
            WrongAnswer('mixed = "a"', "single place"),
            WrongAnswer('mixed = "c"', "mixes images"),
        ),
    ),
    Exercise(
        id="9.r2",
        title="BatchNorm in training",
        name="depends_on",
        check=choice(
            "c",
            "Mean and variance are those of the minibatch.",
            {
                "a": "Then it would be no *batch* normalisation.",
                "b": "They are kept up to date in training, and used at prediction.",
            },
        ),
        hints=("Whose mean and variance does it use in training?",),
        solution='depends_on = "c"',
        wrong=(
            WrongAnswer('depends_on = "a"', "no *batch*"),
            WrongAnswer('depends_on = "b"', "used at prediction"),
        ),
    ),
    Exercise(
        id="9.r3",
        title="Chosen on the test set",
        name="estimate",
        check=choice(
            "a",
            "The best of twenty was in part lucky on these images.",
            {
                "b": "The one that was lucky on these images is chosen, not the one "
                "that had bad luck.",
                "c": "For a setting named beforehand, yes; not for the best of twenty.",
            },
        ),
        hints=("Twenty equally good settings differ on a test set by chance alone.",),
        solution='estimate = "a"',
        wrong=(
            WrongAnswer('estimate = "b"', "bad luck"),
            WrongAnswer('estimate = "c"', "named beforehand"),
        ),
    ),
    Exercise(
        id="9.1",
        title="What an inverted residual block costs",
        name="block_cost",
        check=check_block_cost,
        hints=(
            "Three matrices of weights: c_in × wide, 3 × 3 for each of the wide maps, "
            "wide × c_out, with wide = expansion * c_in.",
            "Each weight is used once at every place that its convolution gives on. "
            "Only the first convolution works at all rows × columns places if the "
            "stride is 2.",
        ),
        solution="""
def block_cost(c_in, c_out, expansion, rows, columns, stride):
    wide = expansion * c_in
    expand, depthwise, project = c_in * wide, 9 * wide, wide * c_out
    before = rows * columns
    after = before // stride**2
    return (expand + depthwise + project,
            expand * before + (depthwise + project) * after)
""",
        wrong=(
            WrongAnswer(
                "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
                "    wide = expansion * c_in\n"
                "    w = c_in * wide + 9 * wide + wide * c_out\n"
                "    return w, w * rows * columns",
                "fewer places",
            ),
            WrongAnswer(
                "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
                "    wide = expansion * c_in\n"
                "    w = c_in * wide + 9 * wide + wide * c_out\n"
                "    return w, w * rows * columns // stride**2",
                "before the stride",
            ),
            WrongAnswer(
                "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
                "    wide = expansion * c_in\n"
                "    w = c_in * wide + 9 * wide * wide + wide * c_out\n"
                "    return w, w * rows * columns",
                "mixes no maps",
            ),
            WrongAnswer(
                "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
                "    wide = expansion * c_in\n"
                "    w = c_in * wide + wide * c_out\n"
                "    return w, w * rows * columns",
                "depthwise convolution is missing",
            ),
            WrongAnswer(
                "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
                "    wide = expansion * c_in\n"
                "    w = c_in * wide + 9 * wide + wide * c_out\n"
                "    return w",
                "Return two",
            ),
            WrongAnswer(
                "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
                "    wide = expansion * c_in\n"
                "    w = c_in * wide + 9 * wide + wide * c_out\n"
                "    return w, w",
                "once at every place",
            ),
        ),
        right=(
            "def block_cost(c_in, c_out, expansion, rows, columns, stride):\n"
            "    wide = expansion * c_in\n"
            "    after = rows * columns / stride**2\n"
            "    places = np.array([rows * columns, after, after])\n"
            "    parts = np.array([c_in * wide, 9 * wide, wide * c_out])\n"
            "    return [parts.sum(), parts @ places]",
        ),
    ),
    Exercise(
        id="9.2",
        title="Half of the way",
        name="half_way",
        check=check_half_way,
        hints=(
            "The distance to the new value shrinks by the factor 0.999 in each step.",
            "Solve 0.999 ** n = 0.5: n = log(0.5) / log(0.999).",
        ),
        solution="half_way = (np.log(0.5) / np.log(0.999), np.log(0.5) / np.log(0.9))",
        wrong=(
            WrongAnswer("half_way = (500, 5)", "what is *left*"),
            WrongAnswer("half_way = (1000, 10)", "63 %"),
            WrongAnswer("half_way = (693, 5)", "a tenth"),
            WrongAnswer("half_way = 693", "two numbers"),
        ),
        right=("half_way = [693, 7]", 'half_way = ("690", 6.6)'),
    ),
    Exercise(
        id="9.3",
        title="Two switches",
        name="moves",
        check=check_moves,
        hints=(
            "trainable is about weights, and about the averages of BatchNorm; training "
            "is about behaviour. fit says training=True, predict says training=False.",
            "Section 3 has a table for BatchNorm. Dropout listens to the call alone.",
        ),
        solution="""
moves = {
    "a": "nothing, but dropout is on",
    "b": "weights",
    "c": "weights",
    "d": "nothing of the base",
    "e": "weights and averages",
}
""",
        wrong=(
            WrongAnswer(_moves(2, 0, 0, 2, 1), "dropout listen"),
            WrongAnswer(_moves(3, 1, 0, 2, 1), "which are frozen"),
            WrongAnswer(_moves(3, 0, 1, 2, 1), "The call is your own"),
            WrongAnswer(_moves(3, 0, 2, 2, 1), "whether there are gradients"),
            WrongAnswer(_moves(3, 0, 0, 0, 1), "Predicting changes nothing"),
            WrongAnswer(_moves(3, 0, 0, 2, 0), "Nothing is frozen"),
            WrongAnswer('moves = "d"', "dictionary"),
        ),
    ),
    Exercise(
        id="9.4",
        title="When a cache is exact",
        name="exact",
        check=check_exact,
        hints=(
            "Ask of each plan: could the maps of the same photograph be others in the "
            "next epoch?",
            "What acts after the cut acts on cached maps as it would on fresh ones.",
        ),
        solution="""
exact = {
    "a": "exact",
    "b": "not exact",
    "c": "not exact",
    "d": "exact",
    "e": "exact",
}
""",
        wrong=(
            WrongAnswer(
                _exact("nnnyy"),
                "after the cut",
            ),
            WrongAnswer(
                _exact("yynyy"),
                "so do its maps",
            ),
            WrongAnswer(
                _exact("ynyyy"),
                "has others",
            ),
            WrongAnswer(
                _exact("ynnny"),
                "above the cut",
            ),
            WrongAnswer(
                _exact("ynnyn"),
                "know no labels",
            ),
        ),
        right=('exact = {"A": "yes", "b": False, "c": "No", "d": True, "e": "true"}',),
    ),
    Exercise(
        id="9.5",
        title="Four reports without an error message",
        name="causes",
        check=check_causes,
        hints=(
            "One question each: which row, which company, how many, how large?",
            "Only BatchNorm in training mode makes one photograph depend on others.",
        ),
        solution=_with_causes(*_CAUSES),
        wrong=(
            WrongAnswer(
                _with_causes(_CAUSES[2], _CAUSES[1], _CAUSES[0], _CAUSES[3]),
                "photograph 0",
            ),
            WrongAnswer(
                _with_causes(_CAUSES[0], _CAUSES[3], _CAUSES[2], _CAUSES[1]),
                "depend on the others",
            ),
            WrongAnswer(
                _with_causes(_CAUSES[0], _CAUSES[1], _CAUSES[3], _CAUSES[2]),
                "number of rows",
            ),
        ),
    ),
]
