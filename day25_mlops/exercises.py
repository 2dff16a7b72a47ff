"""Checks, hints and solutions of Day 25."""

import re

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
)

SETUP = """
import re

import numpy as np

false_alarm = ...
"""


def check_numbers_of_a_monitor(answer):
    false_alarm, labels_needed = answer
    expect_number(
        false_alarm,
        1 - 0.95**12,
        {
            0.6: "Twelve times 5 % counts a case twice in which two slices alarm, and "
            "with thirty slices it would pass 1. Start from the opposite event.",
            0.05: "That is the risk of one slice alone; twelve are looked at.",
            0.95**12: "This is the probability that no slice alarms: take the rest.",
            0.95: "That is the probability that one slice is silent.",
            46: "Give the probability as a fraction between 0 and 1, not percent.",
        },
        rtol=0.02,
        otherwise="The probability: twelve silent slices in a row have (1 - 0.05)^12; "
        "a false alarm is everything else.",
    )
    expect_number(
        labels_needed,
        0.88 * 0.12 * (3 / 0.02) ** 2,
        {
            0.88 * 0.12 * (2 / 0.02) ** 2: "That makes two points two standard errors; "
            "three are asked for.",
            0.88 * 0.12 * (1 / 0.02) ** 2: "That makes two points one standard error; "
            "three are asked for.",
            0.88 * 0.12 * (3 / 0.02): "The standard error falls with the square root "
            "of n, so the ratio 3 / 0.02 has to be squared.",
            0.88 * 0.12 * (3 / 2) ** 2: "Two points are 0.02, not 2.",
            (0.88 * 0.12) ** 0.5 * (3 / 0.02) ** 2: "Take p (1 - p) without the root: "
            "the whole formula was squared.",
            0.88 * (3 / 0.02) ** 2: "The variance of a right-or-wrong is p (1 - p), "
            "not p.",
        },
        rtol=0.02,
        otherwise="The probability is right. For the labels solve "
        "3 sqrt(p (1 - p) / n) = 0.02 for n, with p = 0.88.",
    )
    return (
        "Look at fewer slices or share the risk; and a check that waits for labels is "
        "late twice, once for the labels and once for their number."
    )


_CONTRACT = {"text": (str, 1, 10), "stars": (int, 1, 10)}
_ROWS = (
    {"text": "Fine.", "stars": 7},
    {"stars": 3},
    {"text": "", "stars": 11},
    {"text": 5, "stars": "5"},
    {"text": "So so", "stars": True},
    {"text": "0123456789", "stars": 10},
    {"text": "01234567890", "stars": 1},
    {"text": ""},
)
_BREACHES = [
    (1, "text", "missing"),
    (2, "text", "range"),
    (2, "stars", "range"),
    (3, "text", "type"),
    (3, "stars", "type"),
    (4, "stars", "type"),
    (6, "text", "range"),
    (7, "text", "range"),
    (7, "stars", "missing"),
]


def check_violations(violations):
    got = violations([dict(row) for row in _ROWS], dict(_CONTRACT))
    if got is None or isinstance(got, (str, dict, int)):
        raise Wrong("Return a list of tuples, one for each breach.")
    got = [tuple(one) for one in got]
    if got == _BREACHES:
        return "Nine breaches in eight rows, and the two healthy rows stayed healthy."
    if [(row - 1, *rest) for row, *rest in got] == _BREACHES:
        raise Wrong("The rows are numbered from 0, as Python numbers them.")
    if sorted(got, key=str) == sorted(_BREACHES, key=str):
        raise Wrong("All are found; the order is that of the rows, then the contract.")
    if got == [one for one in _BREACHES if one[0] != 4]:
        raise Wrong(
            "True passed as a whole number: isinstance(True, int) holds in Python. "
            "Compare type(value) with the type itself."
        )
    firsts = {row: (row, *rest) for row, *rest in reversed(_BREACHES)}
    if got == sorted(firsts.values()):
        raise Wrong("A row may break the contract in two fields: report both.")
    if any(row in (0, 5) for row, *_ in got):
        raise Wrong("A healthy row was reported: both ends of a range are allowed.")
    missing = [one for one in _BREACHES if one not in got]
    if missing:
        row, name, reason = missing[0]
        raise Wrong(
            f"Row {row} is {_ROWS[row]!r} under the contract {_CONTRACT!r}: "
            f"({row}, {name!r}, {reason!r}) is not reported."
        )
    extra = [one for one in got if one not in _BREACHES]
    raise Wrong(
        f"{extra[0]!r} is reported and should not be: a field has one reason, the "
        "first that applies of missing, type and range."
        if extra
        else "A breach is reported twice."
    )


_CAUSES = {
    "A": "skew",
    "B": "schema change",
    "C": "leak",
    "D": "hidden slice",
    "E": "chance",
}


def check_causes(answer):
    why = {
        "A": "The same text becomes other words on the way through the server.",
        "B": "The stars are all valid. What has become of the upper half?",
        "C": "One field nearly knows the label, and no live request has it. When is a "
        "refund decided?",
        "D": "All reviews together got better. One group of them did not.",
        "E": "How many of forty harmless slices lie beyond 1.96 on average?",
    }
    expect_causes(answer, _CAUSES, why)
    return "Five reports, and one of them is no incident: say so, and change nothing."


# --- 25.4: a small film site of its own ----------------------------------------------

_WORDS = re.findall(
    r"\S+",
    "the film is a dull bright slow warm story with an actor who can’t sing and "
    "doesn’t try but I liked its café scene more than most of what we saw last year",
)


def _site(count, seed):
    """Rows as the site of the notebook sends them."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        length = int(np.clip(draw.lognormal(4.2, 0.6), 12, 400))
        words = draw.choice(_WORDS, length)
        # Makes each text another one; no word of it is frequent in any batch.
        text = " ".join(words) + f" number {draw.integers(10**9)}."
        blame = draw.random() < 0.5
        star = int(draw.choice(4, p=(0.4, 0.2, 0.2, 0.2)))
        rows.append(
            {
                "text": text[0].upper() + text[1:],
                "stars": 1 + star if blame else 10 - star,
            }
        )
    return rows


def _without_stars(rows):
    return [row | {"stars": None} if i % 5 == 0 else row for i, row in enumerate(rows)]


FAULTS = {
    "the text comes under the name review": lambda rows: [
        {"review": row["text"], "stars": row["stars"]} for row in rows
    ],
    "texts are cut at 256 characters": lambda rows: [
        row | {"text": row["text"][:256]} for row in rows
    ],
    "UTF-8 is read as Windows-1252": lambda rows: [
        row | {"text": row["text"].encode().decode("cp1252", errors="replace")}
        for row in rows
    ],
    "ten stars become five": lambda rows: [
        row | {"stars": (row["stars"] + 1) // 2} for row in rows
    ],
    "stars come as texts": lambda rows: [
        row | {"stars": str(row["stars"])} for row in rows
    ],
    "a fifth of the stars is None": _without_stars,
    "a fifth of the batch is one row, sent again and again": lambda rows: (
        rows[: len(rows) * 4 // 5] + [rows[0]] * (len(rows) - len(rows) * 4 // 5)
    ),
    "somebody lower-cases the texts and drops full stops": lambda rows: [
        row | {"text": row["text"].lower().replace(".", "")} for row in rows
    ],
}
_SIZE, _HEALTHY = 300, 40


def check_alarm(alarm):
    history = _site(2_000, seed=1)
    for fault, spoil in FAULTS.items():
        if not alarm(history, spoil(_site(_SIZE, seed=2))):
            raise Wrong(f"A batch passed in which {fault}.")
    false = sum(bool(alarm(history, _site(_SIZE, 100 + i))) for i in range(_HEALTHY))
    if false == _HEALTHY:
        raise Wrong("Every healthy batch raised an alarm too: nothing could go on.")
    if false:
        raise Wrong(
            f"{false} of {_HEALTHY} healthy batches raised an alarm: compare shares "
            "by their standard error, and leave room for all comparisons together."
        )
    return "Eight faults found, forty healthy batches left in peace."


_SOLUTION = """
def alarm(history, batch):
    def text(row):
        value = row.get("text")
        return value if isinstance(value, str) else ""

    def sound(row):
        stars = row.get("stars")
        return bool(text(row).strip()) and "â€" not in text(row) and (
            type(stars) is int and 1 <= stars <= 10)

    if not all(sound(row) for row in batch):
        return True
    if len({text(row) for row in batch}) < 0.95 * len(batch):
        return True
    rules = (lambda row: len(text(row)) > 256, lambda row: row["stars"] >= 7,
             lambda row: row["stars"] == 10, lambda row: text(row).endswith("."))
    for rule in rules:
        then, now = (np.mean([rule(row) for row in rows]) for rows in (history, batch))
        error = np.sqrt(then * (1 - then) * (1 / len(history) + 1 / len(batch)))
        if abs(now - then) > 5 * error:
            return True
    return False
"""


def _alarm_without(part, instead=""):
    """The solution with a part of it left out: a wrong answer."""
    assert part in _SOLUTION
    return _SOLUTION.replace(part, instead)


_VIOLATIONS = """
def violations(rows, contract):
    found = []
    for number, row in enumerate(rows):
        for name, (kind, lowest, highest) in contract.items():
            if name not in row:
                found.append((number, name, "missing"))
            elif type(row[name]) is not kind:
                found.append((number, name, "type"))
            else:
                size = len(row[name]) if kind is str else row[name]
                if not lowest <= size <= highest:
                    found.append((number, name, "range"))
    return found
"""


def _violations_with(part, instead):
    assert part in _VIOLATIONS
    return _VIOLATIONS.replace(part, instead)


EXERCISES = [
    Exercise(
        id="25.r1",
        title="Recall: the most frequent class",
        name="all_positive",
        check=choice(
            "c",
            "So an accuracy says nothing before you know the share of the classes.",
            {
                "a": "That would hold if the classes were balanced.",
                "b": "That is the share of reviews that it gets wrong.",
            },
        ),
        hints=(
            "On which of the 1,000 reviews is this model right?",
            "On the positive ones, all of them, and on no other.",
        ),
        solution='all_positive = "c"',
        wrong=(
            WrongAnswer('all_positive = "a"', "balanced"),
            WrongAnswer('all_positive = "b"', "gets wrong"),
            WrongAnswer('all_positive = "80"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="25.r2",
        title="Recall: the best of twenty",
        name="best_of_twenty",
        check=choice(
            "a",
            "The best of many is partly the luckiest: hence the test set.",
            {
                "b": "Each of the twenty was measured with an error, and you kept the "
                "one whose error helped it.",
                "c": "Choosing the highest cannot make an estimate too low on average.",
            },
        ),
        hints=(
            "Suppose all twenty settings were equally good. Which would you keep?",
            "The luckiest. Its luck does not come along to new data.",
        ),
        solution='best_of_twenty = "a"',
        wrong=(
            WrongAnswer('best_of_twenty = "b"', "whose error helped"),
            WrongAnswer('best_of_twenty = "c"', "too low"),
        ),
    ),
    Exercise(
        id="25.r3",
        title="Recall: which reviews decide",
        name="what_decides",
        check=choice(
            "b",
            "The others add the same to both accuracies.",
            {
                "a": "They add one to both, and leave the difference as it is.",
                "c": "They add nothing to either, and leave the difference as it is.",
            },
        ),
        hints=(
            "What does a review add to the difference if both models are right?",
            "Nothing. Only where they disagree does one get ahead.",
        ),
        solution='what_decides = "b"',
        wrong=(
            WrongAnswer('what_decides = "a"', "add one to both"),
            WrongAnswer('what_decides = "c"', "nothing to either"),
        ),
    ),
    Exercise(
        id="25.1",
        title="Two numbers of a monitor",
        name="labels_needed",
        answer="(false_alarm, labels_needed)",
        check=check_numbers_of_a_monitor,
        hints=(
            "First the opposite: how probable is it that all twelve are silent?",
            "One is silent with probability 0.95; twelve independent ones with its "
            "twelfth power.",
            "An accuracy p over n reviews has the standard error sqrt(p (1 - p) / n).",
            "Two points are 0.02. Set three standard errors equal to it: "
            "n = p (1 - p) (3 / 0.02)^2.",
        ),
        solution="""
false_alarm = 1 - 0.95**12
labels_needed = 0.88 * 0.12 * (3 / 0.02) ** 2
""",
        right=(
            "false_alarm = 0.46\nlabels_needed = 2_400",
            "false_alarm, labels_needed = '0.4596', 2376.0",
        ),
        wrong=tuple(
            WrongAnswer(f"false_alarm = {one}\nlabels_needed = {other}", reason)
            for one, other, reason in (
                ("12 * 0.05", "2_400", "Start from the opposite"),
                ("0.05", "2_400", "one slice alone"),
                ("0.95**12", "2_400", "that no slice alarms"),
                ("0.95", "2_400", "one slice is silent"),
                ("46", "2_400", "not percent"),
                ("0.3", "2_400", "everything else"),
                ("0.46", "0.88 * 0.12 * (2 / 0.02) ** 2", "two standard"),
                ("0.46", "264", "one standard error"),
                ("0.46", "0.88 * 0.12 * 150", "has to be squared"),
                ("0.46", "0.88 * 150**2", "not p"),
                ("0.46", "0.88 * 0.12 * 1.5**2", "0.02, not 2"),
                ("0.46", "7311.5", "without the root"),
                ("0.46", "100", "for n"),
            )
        ),
    ),
    Exercise(
        id="25.2",
        title="A data contract, row by row",
        name="violations",
        check=check_violations,
        hints=(
            "Two loops: over enumerate(rows), and within it over contract.items().",
            "Ask in this order: is the field there, is its type the right one, is its "
            "size in the range? Stop at the first no.",
            "type(value) is kind refuses True for int; isinstance does not.",
        ),
        solution=_VIOLATIONS,
        wrong=(
            WrongAnswer(
                _violations_with(
                    "type(row[name]) is not kind", "not isinstance(row[name], kind)"
                ),
                "isinstance(True, int) holds",
            ),
            WrongAnswer(
                _violations_with(
                    "lowest <= size <= highest", "lowest < size < highest"
                ),
                "both ends of a range",
            ),
            WrongAnswer(
                _violations_with("enumerate(rows)", "enumerate(rows, start=1)"),
                "numbered from 0",
            ),
            WrongAnswer(
                _violations_with(
                    '(number, name, "missing"))', '(number, name, "missing")); break'
                )
                .replace('"type"))', '"type")); break')
                .replace('"range"))', '"range")); break'),
                "in two fields",
            ),
            WrongAnswer(
                _violations_with("return found", "return sorted(found, reverse=True)"),
                "the order is that of the rows",
            ),
            WrongAnswer(
                _violations_with(
                    "contract.items():",
                    "sorted(contract.items(), key=lambda item: item[0] in row):",
                ),
                "the order is that of the rows",
            ),
            WrongAnswer(
                _violations_with("elif type(row[name]) is not kind", "elif False"),
                "stopped with TypeError",
            ),
            WrongAnswer(
                _violations_with("if name not in row:", "if False:"),
                "stopped with KeyError",
            ),
            WrongAnswer(
                _violations_with('found.append((number, name, "missing"))', "continue"),
                "is not reported",
            ),
            WrongAnswer(
                "def violations(rows, contract):\n    return len(rows)",
                "list of tuples",
            ),
        ),
    ),
    Exercise(
        id="25.3",
        title="Five incident reports",
        name="causes",
        check=check_causes,
        hints=(
            "Ask of each: is it about the way to the numbers, about time, about what "
            "upstream sends, about an average, or about nothing?",
            "In C, ask when a refund becomes known. In B, compare the largest values.",
            "In E, five of a hundred harmless comparisons lie beyond 1.96.",
        ),
        solution="""
causes = {"A": "skew", "B": "schema change", "C": "leak", "D": "hidden slice",
          "E": "chance"}
""",
        wrong=tuple(
            WrongAnswer(f"causes = {_CAUSES | {letter: cause}!r}", reason)
            for letter, cause, reason in (
                ("A", "schema change", "through the server"),
                ("B", "skew", "the upper half"),
                ("C", "schema change", "refund decided"),
                ("D", "chance", "One group"),
                ("E", "hidden slice", "forty harmless"),
                ("E", "luck", "is not one of"),
            )
        )
        + (WrongAnswer('causes = ["skew"]', "dictionary"),),
    ),
    Exercise(
        id="25.4",
        title="An alarm for a batch",
        name="alarm",
        check=check_alarm,
        hints=(
            "Begin with the rows: a text that is a string and not empty, stars that "
            "are whole numbers from 1 to 10, no trace of a broken encoding.",
            "Then the batch: how many texts are longer than 256 characters, how many "
            "rows have seven stars or more, how many texts occur more than once?",
            "Compare each share with the history's, in standard errors "
            "sqrt(p (1 - p) (1 / n + 1 / m)), and alarm beyond about five.",
        ),
        solution=_SOLUTION,
        wrong=(
            WrongAnswer(
                "def alarm(history, batch):\n    return False", "under the name review"
            ),
            WrongAnswer(
                "def alarm(history, batch):\n    return True", "Every healthy batch"
            ),
            WrongAnswer(
                _alarm_without("lambda row: len(text(row)) > 256, ").replace(
                    ', lambda row: text(row).endswith(".")', ""
                ),
                "cut at 256",
            ),
            WrongAnswer(
                _alarm_without(' and "â€" not in text(row)'), "read as Windows-1252"
            ),
            WrongAnswer(
                _alarm_without("< 0.95 * len(batch)", "< 0"), "sent again and again"
            ),
            WrongAnswer(
                _alarm_without(', lambda row: text(row).endswith(".")'),
                "drops full stops",
            ),
            WrongAnswer(
                _alarm_without("5 * error", "1.5 * error"), "by their standard error"
            ),
            WrongAnswer(
                "def alarm(history, batch):\n"
                "    return max(len(row['text']) for row in batch) < 300",
                "stopped with KeyError",
            ),
        ),
    ),
]
