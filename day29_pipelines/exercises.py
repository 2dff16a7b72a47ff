"""Checks, hints and solutions of Day 29."""

import inspect
import json
import random
import re
import tempfile
from pathlib import Path

import numpy as np

from common.exercises import Exercise, Wrong, WrongAnswer, choice, expect_causes, word
from common.sentiment.features import tokenise

SETUP = """
import hashlib
import json
import os
import random
from pathlib import Path

from common.sentiment.features import tokenise
"""

_STAGES = ("ingest", "validate", "featurise", "train", "evaluate", "export")
_FIRST = {
    "[training] seed": "train",
    "[evaluation] false_positive_cost": "evaluate",
    "[features] max_tokens": "featurise",
    "a docstring in training.py": "none",
    "one byte of train/weights.npz": "train",
}
_WHY = {
    "[training] seed": (
        "Who declares the section [training]? Nobody before train reads the seed."
    ),
    "[evaluation] false_positive_cost": (
        "The weights do not depend on what an error costs; the threshold does."
    ),
    "[features] max_tokens": (
        "The tokeniser is fitted and used in featurise; the reviews stay as they are."
    ),
    "a docstring in training.py": (
        "The hash of the code leaves comments and docstrings out: nothing runs."
    ),
    "one byte of train/weights.npz": (
        "A stage answers for its own files: the one whose result was changed runs, "
        "and makes the same weights again."
    ),
}


def check_first_to_run(answer):
    if not isinstance(answer, dict) or set(answer) != set(_FIRST):
        raise Wrong("Answer with the dictionary of the cell, its keys unchanged.")
    given = {change: word(answer[change]) for change in answer}
    for stage in given.values():
        if stage not in (*_STAGES, "none"):
            raise Wrong(f'{stage!r} is no stage: take one of {_STAGES} or "none".')
    for change, right in _FIRST.items():
        if given[change] != right:
            raise Wrong(f"Look at {change} again. {_WHY[change]}")
    return (
        "And what runs after the first? As far as the results differ: the repaired "
        "weights are the old ones, so evaluate and export are skipped."
    )


def check_fingerprint(fingerprint):
    one = {"epochs": 8, "rate": 0.005}
    base = fingerprint(one, ["a", "b"])
    if not isinstance(base, str):
        raise Wrong("Return a string, for example a hexdigest.")
    if base != fingerprint(dict(one), ["a", "b"]):
        raise Wrong("Two calls with equal arguments gave two fingerprints.")
    if base != fingerprint({"rate": 0.005, "epochs": 8}, ["a", "b"]):
        raise Wrong(
            "The same settings in another order gave another fingerprint: sort the "
            "keys."
        )
    if base == fingerprint(one | {"epochs": 9}, ["a", "b"]):
        raise Wrong("Eight epochs and nine have the same fingerprint: hash the values.")
    if base == fingerprint({"epoch": 8, "rate": 0.005}, ["a", "b"]):
        raise Wrong("Only the values were hashed: the names of the settings count too.")
    if base == fingerprint(one, ["a", "c"]):
        raise Wrong("The inputs do not count: hash their digests as well.")
    if base == fingerprint(one, ["b", "a"]):
        raise Wrong(
            "Two inputs changed places and nobody noticed: their order must count."
        )
    if base == fingerprint(one, ["ab"]):
        raise Wrong(
            'The inputs "a", "b" and the one input "ab" collide: something must stand '
            "between them."
        )
    for mark in _SEPARATORS:
        if base == fingerprint(one, [f"a{mark}b"]):
            raise Wrong(
                f'The inputs "a", "b" and the one input {f"a{mark}b"!r} collide: an '
                "input may hold the separator itself. Quote each, or give its length."
            )
    if fingerprint({"x": 1}, []) == fingerprint({"x": "1"}, []):
        raise Wrong('The number 1 and the text "1" collide: keep the types apart.')
    if base != _in_another_process(fingerprint, one, ["a", "b"]):
        raise Wrong(
            "hash() of a text is another number in every process: tomorrow's run "
            "would find nothing again. Take one of hashlib."
        )
    if len(base) < 16:
        raise Wrong(
            "A fingerprint this short collides by accident: keep 16 characters."
        )
    return "Sorted, separated, typed: three ways in which such hashes go wrong."


_SEPARATORS = (",", ", ", " ", "|", ";", ":", "/", "\n", "\t", "\0", "-", "_", "+", "#")


def _in_another_process(function, *arguments):
    """Call a function as another process would: Python seeds hash() anew in each."""
    place = getattr(inspect.unwrap(function), "__globals__", {})
    own = {"hash": place["hash"]} if "hash" in place else {}
    before = own.get("hash", hash)
    place["hash"] = lambda thing: before(thing) ^ 0x5DEECE66D
    try:
        return function(*arguments)
    finally:
        del place["hash"]
        place.update(own)


_TRAIN = ["A great film.", "Dull and long.", "great,  FILM a", "It’s fun<br />", "No."]
_TEST = ["a GREAT film", "It's fun!", "It's fun!", "Long and dull."]


def check_leaks(leaks):
    got = leaks(list(_TRAIN), list(_TEST))
    if isinstance(got, np.ndarray):
        got = got.tolist()
    if not isinstance(got, (list, tuple, set)):
        raise Wrong("Return a list of pairs (i, j).")
    if any(not isinstance(pair, (list, tuple)) or len(pair) != 2 for pair in got):
        raise Wrong(
            "Each leak is a pair (i, j): the position of the training text, and that "
            "of its copy in the test set."
        )
    got = sorted((int(i), int(j)) for i, j in got)
    if got == [(0, 0), (3, 1), (3, 2)]:
        return "Three pairs: by the raw text you would have found none."
    shuffled = "The order of the words is part of a text: do not sort them."
    reasons = {
        (): "None was found: compare the words of the texts, not their characters.",
        ((0, 0),): "It’s and It's are the same word, and <br /> is none: use tokenise.",
        ((0, 0), (1, 3), (2, 0), (3, 1), (3, 2)): shuffled,
        ((0, 0), (3, 1)): "One review stands twice in the test set: both pairs count.",
        ((0, 0), (3, 2)): (
            "One review stands twice in the test set, and the second position took the "
            "place of the first: both pairs count."
        ),
        ((0, 0), (1, 3), (2, 3)): "The position in the training texts comes first.",
    }
    raise Wrong(
        reasons.get(
            tuple(got),
            f"The pairs {got} were found; there are three, and in each the words are "
            "equal, in the same order.",
        )
    )


_FAULTS = {
    "A": "writes in place",
    "B": "settings not hashed",
    "C": "seeded once",
    "D": "two tokenisers",
}


def left_behind(folder):
    """Run the four pipelines of exercise 29.4; return what they leave, line by line.

    Look at what the notebook prints before you look here.

    Args:
        folder: a Path to write into.
    """
    history = folder / "history.json"
    try:
        with open(history, "w") as file:
            for epoch in range(1, 5):
                file.write(json.dumps({"epoch": epoch}) if epoch < 3 else '{"epo')
                if epoch == 3:
                    raise _Killed
    except _Killed:
        pass
    store, said = {}, "I don't like it"
    got = [store.setdefault("train", f"{epochs} epochs") for epochs in (4, 8)]
    served = re.findall(r"\w+", said.lower())
    return [
        f"A  after a kill:         {history.name} {history.read_text()}",
        f"B  asked for 4, then 8:   {'  '.join(got)}",
        f"C  order, without break: {' '.join(_order(8))}",
        f"   killed at 4, resumed: {' '.join(_order(8, restart_at=4))}",
        f"D  words in training:     {'  '.join(tokenise(said))}",
        f"   words in the server:   {'  '.join(served)}",
    ]


def _order(steps, restart_at=None):
    """Draw one number a step; the process starts at 0 and, if told so, once more."""
    for step in range(steps):
        if step in (0, restart_at):
            generator = random.Random(0)
        yield str(generator.randrange(100))


def check_faults(answer):
    why = {
        "A": "A's file is there, under its right name, and half of it is missing.",
        "B": "B asked for other settings and got the old result in no time.",
        "C": "C's first epochs agree; the difference begins where the restart was.",
        "D": "D's model is as good as ever in the pipeline, and worse where it serves.",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return "Each of the four leaves another trace; none of them raises an error."


class _Killed(BaseException):
    """Stands for a SIGKILL: no `except Exception` holds it up."""


def check_survivor(survivor):
    steps = 12

    def update(state, step):
        return (state * 31 + step * step + 7) % 1_000_003

    want = 1
    for step in range(steps):
        want = update(want, step)
    for seed in (1, 2, 3, 4, 5, 0):  # the last one is not killed
        draw = random.Random(seed)
        with tempfile.TemporaryDirectory() as name:
            folder, calls, kills = Path(name), [], 0

            def dying(state, step, draw=draw, calls=calls, risk=0.3 * (seed > 0)):
                if draw.random() < risk:
                    raise _Killed
                calls.append(step)
                return update(state, step)

            got = None
            for _ in range(200):
                try:
                    got = survivor(folder, steps, dying)
                    break
                except _Killed:
                    kills += 1
            if got is None:
                raise Wrong(
                    "After 200 kills there was still no result: a restart must go on "
                    "from the last step, not from the first."
                )
            if got != want:
                told = "without a kill" if not kills else f"after {kills} kills"
                raise Wrong(
                    f"The result {told} is {got}, not {want}: start with state 1 at "
                    "step 0, and save the state together with the number of steps done."
                )
            if len(calls) > steps:
                raise Wrong(
                    f"{len(calls)} steps were made where {steps} are enough: a restart "
                    "must go on from the last step, not from the first."
                )
            if not any(path.is_file() for path in folder.rglob("*")):
                raise Wrong(
                    "The folder holds no file: what a process remembers dies with it."
                )
            try:
                again = survivor(folder, steps, dying)
            except _Killed:
                again = None
            if again != want or len(calls) > steps:
                raise Wrong("A finished run was run again: its result is on the disk.")
            for path in folder.rglob("*"):
                _refuse_torn(survivor, folder, steps, path, want, update)
    return "Killed dozens of times, and not one step made twice."


def _refuse_torn(survivor, folder, steps, path, want, update):
    """A cut-off file under a name other than its own must not hurt."""
    if path.suffix in (".part", ".tmp"):
        path.write_text("{")
        if survivor(folder, steps, update) != want:
            raise Wrong("A half-written file aside was taken for a whole one.")


EXERCISES = [
    Exercise(
        id="29.r1",
        title="Recall: a leaked review",
        name="leaked_review",
        check=choice(
            "b",
            "The model is asked what it was told. Section 9 measures it.",
            {
                "a": "An answer that was seen before is easier, not harder.",
                "c": "The model may have learnt that very review by heart.",
            },
        ),
        hints=(
            "Is an exam question that was in the exercises easier or harder?",
            "A network can learn single reviews by heart (Day 4).",
        ),
        solution='leaked_review = "b"',
        wrong=(
            WrongAnswer('leaked_review = "a"', "easier, not harder"),
            WrongAnswer('leaked_review = "c"', "by heart"),
            WrongAnswer('leaked_review = "x"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="29.r2",
        title="Recall: dropout when predicting",
        name="dropout_at_rest",
        check=choice(
            "c",
            "So a prediction does not depend on chance, and two can be compared.",
            {
                "a": "Then the same review would get another probability every time.",
                "b": "The last mask of training has no special meaning.",
            },
        ),
        hints=(
            "Does the same review get the same probability twice?",
            "Dropout belongs to training alone.",
        ),
        solution='dropout_at_rest = "c"',
        wrong=(
            WrongAnswer('dropout_at_rest = "a"', "every time"),
            WrongAnswer('dropout_at_rest = "b"', "no special meaning"),
        ),
    ),
    Exercise(
        id="29.r3",
        title="Recall: what Adam remembers",
        name="adam_forgets",
        check=choice(
            "b",
            "A checkpoint holds the optimizer too, or it is half of one.",
            {
                "a": "Adam's next step depends on more than the weights.",
                "c": "The formula stands in the code; the step count is lost.",
            },
        ),
        hints=(
            "What does Adam keep for every weight, beside the weight?",
            "Two running averages, and the number of steps for the bias correction.",
        ),
        solution='adam_forgets = "b"',
        wrong=(
            WrongAnswer('adam_forgets = "a"', "more than the weights"),
            WrongAnswer('adam_forgets = "c"', "stands in the code"),
        ),
    ),
    Exercise(
        id="29.1",
        title="Which stage runs first?",
        name="first_to_run",
        check=check_first_to_run,
        hints=(
            "Find the stage that declares the changed thing: a section, a module or "
            "a result of its own.",
            "The end of section 4 says what the real pipeline leaves out of the hash "
            "of the code.",
            "A changed result belongs to the stage that wrote it.",
        ),
        solution="""
first_to_run = {
    "[training] seed": "train",
    "[evaluation] false_positive_cost": "evaluate",
    "[features] max_tokens": "featurise",
    "a docstring in training.py": "none",
    "one byte of train/weights.npz": "train",
}
""",
        wrong=tuple(
            WrongAnswer(
                "first_to_run = " + json.dumps(_FIRST | {change: stage}), reason
            )
            for change, stage, reason in (
                ("[training] seed", "ingest", "reads the seed"),
                ("[evaluation] false_positive_cost", "train", "what an error costs"),
                ("[features] max_tokens", "ingest", "fitted and used in featurise"),
                ("a docstring in training.py", "train", "docstrings out"),
                ("one byte of train/weights.npz", "evaluate", "its own files"),
                ("[training] seed", "tran", "is no stage"),
            )
        )
        + (WrongAnswer('first_to_run = "train"', "dictionary of the cell"),),
    ),
    Exercise(
        id="29.2",
        title="A fingerprint that cannot be fooled",
        name="fingerprint",
        check=check_fingerprint,
        hints=(
            "hashlib.sha256(text.encode()).hexdigest() turns a text into a hash. Which "
            "text stands for settings and inputs?",
            "json.dumps keeps types and puts separators; sort_keys=True sorts.",
            "Put both into one list: json.dumps([settings, inputs], sort_keys=True).",
        ),
        solution="""
def fingerprint(settings, inputs):
    text = json.dumps([settings, inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
""",
        right=(
            "def fingerprint(settings, inputs):\n"
            "    text = repr((sorted(settings.items()), list(inputs)))\n"
            "    return hashlib.md5(text.encode()).hexdigest()",
        ),
        wrong=tuple(
            WrongAnswer(
                "def fingerprint(settings, inputs):\n"
                f"    text = {text}\n"
                "    return hashlib.sha256(text.encode()).hexdigest()",
                reason,
            )
            for text, reason in (
                ("json.dumps([settings, inputs])", "sort the keys"),
                ("json.dumps(sorted(settings)) + str(inputs)", "hash the values"),
                (
                    "json.dumps([sorted(settings.values()), inputs])",
                    "names of the settings",
                ),
                ("json.dumps(settings, sort_keys=True)", "inputs do not count"),
                (
                    "json.dumps([settings, sorted(inputs)], sort_keys=True)",
                    "changed places",
                ),
                (
                    'json.dumps(settings, sort_keys=True) + "".join(inputs)',
                    "must stand between them",
                ),
                (
                    "json.dumps({k: str(v) for k, v in settings.items()}, "
                    "sort_keys=True) + str(inputs)",
                    "keep the types apart",
                ),
                (
                    "json.dumps(settings, sort_keys=True) + '|'.join(inputs)",
                    "hold the separator",
                ),
                ("str(random.random())", "two fingerprints"),
            )
        )
        + (
            WrongAnswer(
                "def fingerprint(settings, inputs):\n"
                "    text = json.dumps([settings, inputs], sort_keys=True)\n"
                "    return hashlib.sha256(text.encode()).hexdigest()[:4]",
                "collides by accident",
            ),
            WrongAnswer(
                "def fingerprint(settings, inputs):\n    return 1", "Return a string"
            ),
            WrongAnswer(
                "def fingerprint(settings, inputs):\n"
                "    return f'{hash((tuple(sorted(settings.items())), "
                "tuple(inputs))):020d}'",
                "in every process",
            ),
        ),
    ),
    Exercise(
        id="29.3",
        title="Find the leaks",
        name="leaks",
        check=check_leaks,
        hints=(
            "Two texts are one review when tokenise gives the same words for both.",
            "Note for each test text, under its words, where it stands; then look up "
            "each training text. Two test texts may have the same words.",
            'A list cannot be a key: tuple(tokenise(text)) or " ".join(...) can. '
            "places.setdefault(key, []).append(j) keeps every position.",
        ),
        solution="""
def leaks(train_texts, test_texts):
    places = {}
    for j, text in enumerate(test_texts):
        places.setdefault(tuple(tokenise(text)), []).append(j)
    return [(i, j) for i, text in enumerate(train_texts)
            for j in places.get(tuple(tokenise(text)), [])]
""",
        wrong=tuple(
            WrongAnswer(
                "def leaks(train_texts, test_texts):\n"
                f"    key = {key}\n"
                "    return [(i, j) for i, t in enumerate(train_texts) "
                "for j, u in enumerate(test_texts) if key(t) == key(u)]",
                reason,
            )
            for key, reason in (
                ("lambda t: t", "not their characters"),
                (
                    "lambda t: [x.strip('.,!') for x in t.lower().split()]",
                    "use tokenise",
                ),
                ("lambda t: sorted(tokenise(t))", "do not sort them"),
            )
        )
        + tuple(
            WrongAnswer(f"def leaks(train_texts, test_texts):\n    {body}", reason)
            for body, reason in (
                (
                    "k = {tuple(tokenise(t)): j for j, t in enumerate(test_texts)}; "
                    "return [(i, k[w]) for i, t in enumerate(train_texts) "
                    "if (w := tuple(tokenise(t))) in k]",
                    "took the place of the first",
                ),
                (
                    "k = [tokenise(t) for t in test_texts]; "
                    "return [(i, k.index(tokenise(t))) "
                    "for i, t in enumerate(train_texts) if tokenise(t) in k]",
                    "both pairs count",
                ),
                (
                    "return [(j, i) for i, t in enumerate(train_texts) for j, u in "
                    "enumerate(test_texts) if tokenise(t) == tokenise(u)]",
                    "comes first",
                ),
                (
                    "k = [tokenise(t) for t in test_texts]; return "
                    "[i for i, t in enumerate(train_texts) if tokenise(t) in k]",
                    "is a pair",
                ),
                ("return 2", "a list of pairs"),
                ("return [(0, 4)]", "in the same order"),
            )
        ),
        right=(
            "import numpy as np\n"
            "leaks = lambda train, test: np.array([[0, 0], [3, 1], [3, 2]])",
            "leaks = lambda train, test: {(3, 2), (0, 0), (3, 1)}",
        ),
    ),
    Exercise(
        id="29.4",
        title="Four pipelines with a fault",
        name="faults",
        check=check_faults,
        hints=(
            "Ask for each log: what is the first line that cannot be right?",
            "A result that arrives in no time was not computed.",
            "Where two runs part tells what they did not share from there on.",
        ),
        solution="""
faults = {
    "A": "writes in place",
    "B": "settings not hashed",
    "C": "seeded once",
    "D": "two tokenisers",
}
""",
        wrong=tuple(
            WrongAnswer("faults = " + json.dumps(_FAULTS | change), reason)
            for change, reason in (
                ({"A": "seeded once", "C": "writes in place"}, "Look at A"),
                ({"B": "two tokenisers", "D": "settings not hashed"}, "Look at B"),
                ({"C": "two tokenisers", "D": "seeded once"}, "Look at C"),
                ({"D": "writes in place"}, "Look at D"),
                ({"A": "gremlins"}, "is not one of the faults"),
            )
        )
        + (WrongAnswer('faults = "A"', "has the keys"),),
    ),
    Exercise(
        id="29.5",
        title="A loop that cannot be killed",
        name="survivor",
        check=check_survivor,
        hints=(
            "On the disk must stand: how many steps are done, and the state then.",
            "Read the file if it exists; go on from its step; after every step write "
            "a .part file and os.replace it onto the right name.",
            "state, done = json.loads(path.read_text()) if path.exists() else (1, 0)",
        ),
        solution="""
def survivor(folder, steps, update):
    path, aside = folder / "state.json", folder / "state.part"
    state, done = json.loads(path.read_text()) if path.exists() else (1, 0)
    for step in range(done, steps):
        state = update(state, step)
        aside.write_text(json.dumps([state, step + 1]))
        os.replace(aside, path)
    return state
""",
        wrong=(
            WrongAnswer(
                "def survivor(folder, steps, update):\n"
                "    state = 1\n"
                "    for step in range(steps):\n"
                "        state = update(state, step)\n"
                "    return state",
                "go on from the last step",
            ),
            WrongAnswer(
                "def survivor(folder, steps, update):\n"
                "    path, state = folder / 'state.json', 1\n"
                "    if path.exists():\n"
                "        return json.loads(path.read_text())\n"
                "    for step in range(steps):\n"
                "        state = update(state, step)\n"
                "    path.write_text(json.dumps(state))\n"
                "    return state",
                "go on from the last step",
            ),
            WrongAnswer(
                "def survivor(folder, steps, update):\n"
                "    path = folder / 'state.json'\n"
                "    state = json.loads(path.read_text()) if path.exists() else 1\n"
                "    for step in range(steps):\n"
                "        state = update(state, step)\n"
                "        path.write_text(json.dumps(state))\n"
                "    return state",
                "together with the number of steps",
            ),
            WrongAnswer(
                "def survivor(folder, steps, update):\n"
                "    path = folder / 'state.json'\n"
                "    state, done = json.loads(path.read_text()) if path.exists() "
                "else (1, 0)\n"
                "    for step in range(done, steps):\n"
                "        state = update(state, step)\n"
                "        path.write_text(json.dumps([state, step]))\n"
                "    return state",
                "together with the number of steps",
            ),
            WrongAnswer(
                "KEPT = {}\n"
                "def survivor(folder, steps, update):\n"
                "    state, done = KEPT.get(folder, (1, 0))\n"
                "    for step in range(done, steps):\n"
                "        state = update(state, step)\n"
                "        KEPT[folder] = state, step + 1\n"
                "    return state",
                "dies with it",
            ),
            WrongAnswer(
                "def survivor(folder, steps, update):\n"
                "    path = folder / 'state.json'\n"
                "    state, done = json.loads(path.read_text()) if path.exists() "
                "else (1, 0)\n"
                "    (folder / 'log').touch()\n"
                "    for step in range(done, steps):\n"
                "        state = update(state, step)\n"
                "        path.write_text(json.dumps([state, step + 1]))\n"
                "    path.unlink()\n"
                "    return state",
                "A finished run was run again",
            ),
            WrongAnswer(
                "def survivor(folder, steps, update):\n"
                "    state = 0\n"
                "    for step in range(steps):\n"
                "        state = update(state, step)\n"
                "    return state",
                "start with state 1",
            ),
        ),
    ),
]
