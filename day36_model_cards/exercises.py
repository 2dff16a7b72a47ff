"""Checks, hints and solutions of Day 36."""

from common.exercises import Exercise, Wrong, WrongAnswer, choice, expect_causes, word
from common.sentiment import claims

SETUP = """
from common.sentiment import claims
"""


def check_verdict(verdict):
    cases = (
        (-0.004, 0.006, 0.01, "equivalent", "The whole of it lies within the bound."),
        (0.001, 0.006, 0.01, "equivalent", "It does not hold 0, and every effect in it "
         "is too small to matter."),
        (-0.004, 0.016, 0.01, "undecided", "Small effects and large ones both remain."),
        (-0.03, 0.03, 0.01, "undecided", "It holds 0, but it is too wide to show "
         "that nothing large is there."),
        (0.012, 0.02, 0.01, "different", "Each effect in it is beyond the bound."),
        (-0.02, -0.012, 0.01, "different", "The other sign matters as much."),
        (-0.012, -0.002, 0.01, "undecided", "One end lies beyond the bound."),
        (-0.006, -0.002, 0.01, "equivalent", "All of it lies within the bound."),
        (-0.03, 0.02, 0.05, "equivalent", "Use the bound that was handed in."),
        (0.004, 0.006, 0.002, "different", "Use the bound that was handed in."),
    )  # fmt: skip
    for low, high, bound, expected, why in cases:
        got = verdict(low, high, bound)
        if not isinstance(got, str):
            raise Wrong(
                'Return one of the words "equivalent", "different" and "undecided".'
            )
        if word(got) != expected:
            raise Wrong(f"From {low} to {high} with the bound {bound}: {why}")
    return "A significant effect can be equivalent to none, and no significant one not."


def check_caused_by(answer):
    expect_causes(
        answer,
        {
            "A": "source measured again",
            "B": "edited by hand",
            "C": "another model",
            "D": "rounded twice",
        },
        {
            "A": "Which of the two files is newer, and does its hash still fit?",
            "B": "The source is older than the card, and its hash fits: who changed "
            "the number?",
            "C": "No number differs. What was put in place after the card?",
            "D": "Every row is off by less than a point, and both files are of one "
            "moment.",
        },
        "causes",
    )
    return "Hash and dates together tell which of the two moved."


def check_allows(answer):
    expect_causes(
        answer,
        {
            "A": "yes",
            "B": "no",
            "C": "unknown",
            "D": "no",
            "E": "yes",
            "F": "unknown",
        },
        {
            "A": "Intended use names this case, and Quantitative analyses tells how "
            "often it errs.",
            "B": "Read the right column of Intended use. What stands there is a no, "
            "also where the reason is that nobody measured it.",
            "C": "What does Ethical considerations say that the probe cannot show?",
            "D": "Read the right column of Intended use.",
            "E": "Which two numbers does Wilson's interval need? Does the card tell "
            "them, closely enough for a tenth of a point?",
            "F": "Which reviews was it measured on, and from which years are they?",
        },
        "answers",
    )
    return "A good card answers with no as clearly as with yes, and names its gaps."


ROW = "| {} | {} | 89.0 % to 91.0 % | 3,000 reviews | `a/b.json#c` 0a1b | 2026-11-26 |"


def check_lacks_baseline(lacks_baseline):
    accuracy = ROW.format("Accuracy", "90.0 %")
    sliced = ROW.format("Accuracy, short", "88.0 %")
    baseline = ROW.format("Baseline: counted words", "85.0 %")
    other = ROW.format("Calibration error", "2.0 %")
    unmeasured = "| Baseline | not measured: no time was left | – | – | – | – |"
    head = f"# Model card: a toy\n\n## Quantitative analyses\n\n{claims.HEADER}\n"
    head += f"{claims.RULE}\n"
    cases = (
        ([accuracy, baseline], False, "A card with accuracy and baseline lacks none."),
        ([accuracy, other], True, "A card with an accuracy alone lacks a baseline."),
        ([other], False, "Without an accuracy there is nothing to compare."),
        ([sliced], True, '"Accuracy, short" begins with Accuracy too.'),
        ([accuracy, unmeasured], True, "A baseline that is not measured is none."),
        ([baseline, accuracy], False, "The order of the rows does not matter."),
        (["Baseline: see below.", "", accuracy], True, "The word in running text is no "
         "claim."),
        ([ROW.format("Accuracy minus Baseline", "1.9 %")], True, "Baseline must stand "
         "at the beginning of a name."),
        ([ROW.format("Change of Accuracy", "0.3 %")], False, "Accuracy must stand at "
         "the beginning of a name."),
    )  # fmt: skip
    for rows, expected, why in cases:
        got = lacks_baseline(head + "\n".join(rows) + "\n")
        if got is None:
            raise Wrong("Return True or False.")
        if bool(got) != expected:
            raise Wrong(f"{why} Your rule says {bool(got)}.")
    return "Send it to the linter's RULES: the fourteenth."


EXERCISES = [
    Exercise(
        id="36.r1",
        title="Equal hashes",
        name="same_hash",
        check=choice(
            "a",
            "That is what a source's hash is for.",
            {
                "b": "A hash knows the bytes alone, no time.",
                "c": "Two models with equal accuracy have different bytes as a rule.",
            },
        ),
        hints=("What goes into the hash?",),
        solution='same_hash = "a"',
        wrong=(
            WrongAnswer('same_hash = "b"', "no time"),
            WrongAnswer('same_hash = "c"', "different bytes"),
        ),
    ),
    Exercise(
        id="36.r2",
        title="Twenty looks",
        name="by_luck",
        check=choice(
            "b",
            "20 times 0.05: looking often finds something.",
            {
                "a": "That is for a single comparison.",
                "c": "That is the level in percent, not a number of slices.",
            },
        ),
        hints=("Each comparison errs with probability 0.05; means add up.",),
        solution='by_luck = "b"',
        wrong=(
            WrongAnswer('by_luck = "a"', "single comparison"),
            WrongAnswer('by_luck = "c"', "in percent"),
        ),
    ),
    Exercise(
        id="36.r3",
        title="One byte off",
        name="one_byte",
        check=choice(
            "b",
            "Another tokeniser means other numbers for the same words.",
            {
                "a": "Answers that mean nothing, with a note that nobody reads.",
                "c": "Then the hash would fit, and still nobody would know what it is.",
            },
        ),
        hints=("What is a hash in a manifest for, and which model is known to work?",),
        solution='one_byte = "b"',
        wrong=(
            WrongAnswer('one_byte = "a"', "nobody reads"),
            WrongAnswer('one_byte = "c"', "still nobody would know"),
        ),
    ),
    Exercise(
        id="36.1",
        title="Equivalent, different or undecided",
        name="verdict",
        check=check_verdict,
        hints=(
            "Both ends within the bound: equivalent, whether 0 is inside or not.",
            "Different: the whole interval lies above the bound, or below minus the "
            "bound.",
        ),
        solution="""
def verdict(low, high, bound):
    if -bound < low and high < bound:
        return "equivalent"
    if low >= bound or high <= -bound:
        return "different"
    return "undecided"
""",
        wrong=(
            WrongAnswer(
                "def verdict(low, high, bound):\n"
                "    return 'equivalent' if low < 0 < high else 'different'",
                "too small to matter",
            ),
            WrongAnswer(
                "def verdict(low, high, bound):\n"
                "    if low >= -bound and high <= bound: return 'equivalent'\n"
                "    return 'different' if low >= bound else 'undecided'",
                "other sign",
            ),
            WrongAnswer(
                "def verdict(low, high, bound):\n"
                "    if -bound < low and high < bound: return 'equivalent'\n"
                "    return 'different'",
                "both remain",
            ),
            WrongAnswer(
                "def verdict(low, high, bound):\n"
                "    if -0.01 < low and high < 0.01: return 'equivalent'\n"
                "    if low >= 0.01 or high <= -0.01: return 'different'\n"
                "    return 'undecided'",
                "handed in",
            ),
            WrongAnswer(
                "def verdict(low, high, bound):\n    return low < bound",
                "one of the words",
            ),
        ),
    ),
    Exercise(
        id="36.2",
        title="Four red cards",
        name="caused_by",
        check=check_caused_by,
        hints=(
            "Two things can move, the card and its source. The hash says whether the "
            "source did.",
            "Where neither moved, the program that wrote the card did something to "
            "every number.",
        ),
        solution='caused_by = {"A": "source measured again", "B": "edited by hand", '
        '"C": "another model", "D": "rounded twice"}',
        wrong=(
            WrongAnswer(
                'caused_by = {"A": "edited by hand", "B": "source measured again", '
                '"C": "another model", "D": "rounded twice"}',
                "Which of the two files is newer",
            ),
            WrongAnswer(
                'caused_by = {"A": "source measured again", "B": "rounded twice", '
                '"C": "another model", "D": "edited by hand"}',
                "who changed the number",
            ),
            WrongAnswer(
                'caused_by = {"A": "source measured again", "B": "edited by hand", '
                '"C": "rounded twice", "D": "another model"}',
                "No number differs",
            ),
        ),
    ),
    Exercise(
        id="36.3",
        title="What the card allows a stranger",
        name="allows",
        check=check_allows,
        hints=(
            "Go through Intended use first, both columns.",
            "What a section says that it cannot show is unknown, however good the "
            "numbers beside it are.",
        ),
        solution='allows = {"A": "yes", "B": "no", "C": "unknown", "D": "no", '
        '"E": "yes", "F": "unknown"}',
        wrong=(
            WrongAnswer(
                'allows = {"A": "yes", "B": "unknown", "C": "unknown", "D": "no", '
                '"E": "yes", "F": "unknown"}',
                "right column",
            ),
            WrongAnswer(
                'allows = {"A": "yes", "B": "no", "C": "no", "D": "no", '
                '"E": "yes", "F": "unknown"}',
                "cannot show",
            ),
            WrongAnswer(
                'allows = {"A": "yes", "B": "no", "C": "unknown", "D": "no", '
                '"E": "yes", "F": "yes"}',
                "from which years",
            ),
        ),
    ),
    Exercise(
        id="36.4",
        title="A rule of your own",
        name="lacks_baseline",
        check=check_lacks_baseline,
        hints=(
            "Go through page.splitlines() and keep what claims.parse_row reads.",
            "A measured one is a claim whose value does not begin with claims."
            "NOT_MEASURED.",
        ),
        solution="""
def lacks_baseline(page):
    rows = [row for row in map(claims.parse_row, page.splitlines()) if row]
    names = [row.name for row in rows
             if not row.value.startswith(claims.NOT_MEASURED)]
    return (any(name.startswith("Accuracy") for name in names)
            and not any(name.startswith("Baseline") for name in names))
""",
        wrong=(
            WrongAnswer(
                "def lacks_baseline(page):\n    return 'Baseline' not in page",
                "nothing to compare",
            ),
            WrongAnswer(
                "def lacks_baseline(page):\n"
                "    return 'Accuracy' in page and 'Baseline' not in page",
                "not measured is none",
            ),
            WrongAnswer(
                "def lacks_baseline(page):\n"
                "    rows = map(claims.parse_row, page.splitlines())\n"
                "    names = [r.name for r in rows if r]\n"
                "    return 'Accuracy' in names and not any(\n"
                "        n.startswith('Baseline') for n in names)",
                "begins with Accuracy too",
            ),
            WrongAnswer(
                "def lacks_baseline(page):\n"
                "    rows = map(claims.parse_row, page.splitlines())\n"
                "    names = [r.name for r in rows\n"
                "             if r and not r.value.startswith(claims.NOT_MEASURED)]\n"
                "    return (any('Accuracy' in n for n in names)\n"
                "            and not any('Baseline' in n for n in names))",
                "beginning of a name",
            ),
            WrongAnswer("def lacks_baseline(page):\n    pass", "True or False"),
        ),
    ),
]
