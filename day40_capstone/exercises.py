"""Checks, hints and solutions of Day 40."""

import copy
import json

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
    whole_number,
)

SETUP = """
import json

times_done = ...
"""


def check_register(register):
    registry = []
    first = whole_number(register(registry, "a1", "f00d"), "The version")
    if not registry:
        raise Wrong("The registry is still empty: add the version to the list you got.")
    if first != 1:
        raise Wrong(f"The first version is number 1, not {first}.")
    again = whole_number(register(registry, "a1", "f00d"), "The version")
    if len(registry) > 1:
        raise Wrong(
            "Called twice for one turn it has added two versions: look for the turn "
            "before you add."
        )
    if again != 1:
        raise Wrong(
            f"The second call for the turn a1 must find version 1, not {again}."
        )
    if whole_number(register(registry, "b2", "f00d"), "The version") != 2:
        raise Wrong(
            "Turn b2 made the same model as a1, and is another turn all the same: the "
            "key is the turn, not the digest."
        )
    if whole_number(register(registry, "a1", "f00d"), "The version") != 1:
        raise Wrong("A driver may come back late: turn a1 still has version 1.")
    rows = [(row.get("turn"), row.get("digest")) for row in registry]
    if rows != [("a1", "f00d"), ("b2", "f00d")]:
        raise Wrong('Each version is a dictionary with its "turn" and its "digest".')
    return "However often it is called, a turn has one version."


def check_predict(answer):
    done, never = expect_parts(answer, 2, "Give two numbers: (times done, never done).")
    expect_number(
        done,
        1.25,
        {
            1.2: "That counts one repetition; a second try may be killed as well. Add "
            "1 + 0.2 + 0.2² and so on.",
            0.8: "Effect first: it is done at every try, at least once.",
            1.0: "Each kill between the two costs one more effect.",
            5.0: "That would be a kill with probability 0.8: the mean is 1 / (1 - p).",
        },
        rtol=0.001,
        digits=3,
        otherwise="Try k + 1 happens with probability 0.2ᵏ; add up over all tries.",
    )
    expect_number(
        never,
        0.2,
        {
            0.8: "That is the share of jobs whose effect is done.",
            0.25: "Only the first try counts: after it the note stands.",
            0.0: "After a kill the note stands, so no later driver does the effect.",
            0.04: "One kill is enough: nobody tries a second time.",
        },
        rtol=0.001,
        digits=2,
        otherwise="After the first kill the note stands: is there a second try?",
    )
    return "A quarter too often, or never in a fifth of all jobs: choose the first."


def _lines(*rows):
    return [json.dumps({"turn": t, "step": s, "result": r}) for t, s, r in rows]


STEPS = ["admit", "train", "package", "canary"]


def check_next_step(next_step):
    def asked(lines):
        return next_step(list(lines), "a1", list(STEPS))

    noted = _lines(("a1", "admit", {}), ("b2", "train", {}), ("a1", "train", {}))
    if asked([]) != "admit":
        raise Wrong("With an empty journal the turn begins with the first step.")
    if (got := asked(noted[:2])) != "train":
        if got == "package":
            raise Wrong('"train" was noted for another turn: look at "turn".')
        raise Wrong(f"After admit comes train, not {got!r}.")
    if asked(noted) != "package":
        raise Wrong("admit and train are noted, so the turn goes on with package.")
    torn = [*noted, '{"turn": "a1", "step": "pack']
    try:
        got = asked(torn)
    except ValueError:
        raise Wrong(
            "Half a line is what a kill leaves: skip it, do not fail."
        ) from None
    if got != "package":
        raise Wrong("Half a line says nothing: package is not done.")
    everything = _lines(*(("a1", step, {}) for step in STEPS))
    if asked(everything) is not None:
        raise Wrong("All steps are noted: return None.")
    reopened = [*everything, *_lines(("a1", "reopen", {"from": "package"}))]
    if (got := asked(reopened)) != "package":
        if got is None:
            raise Wrong('"reopen" takes notes back: package has to be done again.')
        raise Wrong(f"Only package and what follows is reopened, not {got!r}.")
    again = [*reopened, *_lines(("a1", "package", {}))]
    if (got := asked(again)) != "canary":
        if got is None:
            raise Wrong("The old note of canary was taken back, too: it came later.")
        if got == "package":
            raise Wrong("package was noted again after it was reopened.")
        raise Wrong(f"After package comes canary, not {got!r}.")
    other = [*everything, *_lines(("b2", "reopen", {"from": "admit"}))]
    if asked(other) is not None:
        raise Wrong("Another turn was reopened, not this one.")
    return "A driver that can read this needs no memory."


CAUSES = {
    "A": "held-out reviews are learned",
    "B": "old reference",
    "C": "effect without a key",
    "D": "learns from its own answers",
    "E": "note before effect",
}


def check_cause(answer):
    expect_causes(
        answer,
        CAUSES,
        {
            "A": "Who could be right on 99 % of what the gate asks, and on no more of "
            "what visitors ask?",
            "B": "With what does the watch compare after a promotion?",
            "C": "The same deed twice: what did the second driver not recognise?",
            "D": "Where do labels come from that no person gives?",
            "E": "The note is there and the effect is not: which came first?",
        },
    )
    return "Each of them runs for weeks without an error."


LOG = [
    {"event": "model", "digest": "aa"},
    {"event": "request", "id": "r1"},
    {"event": "request", "id": "r2"},
    {"event": "model", "digest": "bb"},
    {"event": "request", "id": "r3"},
]
REGISTRY, DATA_OF = {"aa": 1, "bb": 2}, {1: "d1", 2: "d2"}


def check_data_behind(data_behind):
    def asked(request, log=LOG, registry=REGISTRY, data_of=DATA_OF):
        return data_behind(request, copy.deepcopy(log), dict(registry), dict(data_of))

    if (got := asked("r3")) != "d2":
        if got == "d1":
            raise Wrong("r3 was answered after the model changed: take the *last* one.")
        raise Wrong(
            f"r3 was answered by bb, version 2, which has data d2, not {got!r}."
        )
    if (got := asked("r2")) != "d1":
        if got == "d2":
            raise Wrong("Model bb came after r2: what comes later did not answer.")
        raise Wrong(
            f"r2 was answered by aa, version 1, which has data d1, not {got!r}."
        )
    broken = {
        "a request that is in no log": ("r9",),
        "a request before any model": ("r0", [{"event": "request", "id": "r0"}, *LOG]),
        "a model that is in no registry": ("r1", LOG, {"bb": 2}),
        "a version without data": ("r1", LOG, REGISTRY, {2: "d2"}),
    }
    for what, given in broken.items():
        try:
            got = asked(*given)
        except LookupError:  # KeyError is one
            continue
        raise Wrong(f"For {what} the chain is broken: raise LookupError, no {got!r}.")
    return "An audit that guesses is worse than none."


EXERCISES = [
    Exercise(
        id="40.r1",
        title="After a kill",
        name="after_the_kill",
        check=choice(
            "b",
            "Each epoch is kept whole or not at all; three are there.",
            {
                "a": "That would lose three epochs of work; they lie in a checkpoint.",
                "c": "A model of half a training is exported by nobody.",
            },
        ),
        hints=("What lies in the folder of checkpoints?",),
        solution='after_the_kill = "b"',
        wrong=(
            WrongAnswer('after_the_kill = "a"', "three epochs"),
            WrongAnswer('after_the_kill = "c"', "half a training"),
        ),
    ),
    Exercise(
        id="40.r2",
        title="Ten looks",
        name="each_look",
        check=choice(
            "c",
            "Ten chances of 0.1 % each are at most 1 % together (Bonferroni).",
            {
                "a": "Then ten looks would be ten chances of 10 %.",
                "b": "Ten chances of 1 % each are up to 10 % together.",
            },
        ),
        hints=("The levels of the looks add up to the level of all.",),
        solution='each_look = "c"',
        wrong=(
            WrongAnswer('each_look = "a"', "chances of 10 %"),
            WrongAnswer('each_look = "b"', "up to 10 %"),
        ),
    ),
    Exercise(
        id="40.r3",
        title="What proves harm",
        name="proves_harm",
        check=choice(
            "a",
            "Drift says that something changed, labels say whether it is worse.",
            {
                "b": "Certain is not harmful: texts differ, answers may be right.",
                "c": "Other answers may be right answers to other texts.",
            },
        ),
        hints=("Which of the three knows what writers meant?",),
        solution='proves_harm = "a"',
        wrong=(
            WrongAnswer('proves_harm = "b"', "Certain is not harmful"),
            WrongAnswer('proves_harm = "c"', "right answers to other texts"),
        ),
    ),
    Exercise(
        id="40.1",
        title="A registry with a key",
        name="register",
        check=check_register,
        hints=(
            "Before you append, look whether a version of this turn is there.",
            "enumerate(registry, 1) gives the numbers and the versions.",
        ),
        solution="""
def register(registry, turn_key, digest):
    for number, version in enumerate(registry, 1):
        if version["turn"] == turn_key:
            return number
    registry.append({"turn": turn_key, "digest": digest})
    return len(registry)
""",
        right=(
            "def register(registry, turn_key, digest):\n"
            '    turns = [one["turn"] for one in registry]\n'
            "    if turn_key not in turns:\n"
            '        registry.append({"digest": digest, "turn": turn_key})\n'
            "        turns.append(turn_key)\n"
            "    return turns.index(turn_key) + 1",
        ),
        wrong=(
            WrongAnswer(
                "def register(registry, turn_key, digest):\n"
                '    registry.append({"turn": turn_key, "digest": digest})\n'
                "    return len(registry)",
                "added two versions",
            ),
            WrongAnswer(
                "def register(registry, turn_key, digest):\n"
                "    for number, version in enumerate(registry, 1):\n"
                '        if version["digest"] == digest:\n'
                "            return number\n"
                '    registry.append({"turn": turn_key, "digest": digest})\n'
                "    return len(registry)",
                "not the digest",
            ),
            WrongAnswer(
                "def register(registry, turn_key, digest):\n"
                "    for number, version in enumerate(registry):\n"
                '        if version["turn"] == turn_key:\n'
                "            return number\n"
                '    registry.append({"turn": turn_key, "digest": digest})\n'
                "    return len(registry)",
                "must find version 1",
            ),
            WrongAnswer(
                "def register(registry, turn_key, digest):\n    return 1",
                "still empty",
            ),
            WrongAnswer(
                "def register(registry, turn_key, digest):\n"
                '    if registry and registry[-1]["turn"] == turn_key:\n'
                "        return len(registry)\n"
                '    registry.append({"turn": turn_key, "digest": digest})\n'
                "    return len(registry)",
                "come back late",
            ),
        ),
    ),
    Exercise(
        id="40.2",
        title="How often, how rarely",
        name="never_done",
        answer="(times_done, never_done)",
        check=check_predict,
        hints=(
            "(a) One effect at the first try, one more if it was killed, and so on.",
            "(b) After a kill between note and effect the next driver does nothing.",
        ),
        solution="times_done, never_done = 1 / (1 - 0.2), 0.2",
        right=("times_done, never_done = 1.25, '0.2'",),
        wrong=(
            WrongAnswer("times_done, never_done = 1.2, 0.2", "second try"),
            WrongAnswer("times_done, never_done = 0.8, 0.2", "at least once"),
            WrongAnswer("times_done, never_done = 1, 0.2", "one more effect"),
            WrongAnswer("times_done, never_done = 5, 0.2", "1 / (1 - p)"),
            WrongAnswer("times_done, never_done = 3, 0.2", "add up"),
            WrongAnswer("times_done, never_done = 1.25, 0.8", "is done"),
            WrongAnswer("times_done, never_done = 1.25, 0.25", "first try counts"),
            WrongAnswer("times_done, never_done = 1.25, 0", "no later driver"),
            WrongAnswer("times_done, never_done = 1.25, 0.04", "One kill is enough"),
            WrongAnswer("times_done, never_done = 1.25, 0.5", "second try?"),
        ),
    ),
    Exercise(
        id="40.3",
        title="Where to go on",
        name="next_step",
        check=check_next_step,
        hints=(
            "json.loads raises ValueError for half a line.",
            "Keep this turn's noted steps in a list, in their order; reopen cuts it "
            "off at a place.",
            "At the end return the first of steps that is not in the list.",
        ),
        solution="""
def next_step(lines, turn_key, steps):
    noted = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["turn"] != turn_key:
            continue
        if row["step"] == "reopen":
            noted = noted[: noted.index(row["result"]["from"])]
        else:
            noted.append(row["step"])
    return next((step for step in steps if step not in noted), None)
""",
        wrong=(
            WrongAnswer(
                "def next_step(lines, turn_key, steps):\n"
                "    noted = [json.loads(line)['step'] for line in lines]\n"
                "    return next((s for s in steps if s not in noted), None)",
                "another turn",
            ),
            WrongAnswer(
                "def next_step(lines, turn_key, steps):\n"
                "    rows = [json.loads(line) for line in lines]\n"
                "    noted = [r['step'] for r in rows if r['turn'] == turn_key]\n"
                "    return next((s for s in steps if s not in noted), None)",
                "skip it",
            ),
            WrongAnswer(
                "def next_step(lines, turn_key, steps):\n"
                "    noted = []\n"
                "    for line in lines:\n"
                "        try:\n"
                "            row = json.loads(line)\n"
                "        except ValueError:\n"
                "            continue\n"
                "        if row['turn'] == turn_key:\n"
                "            noted.append(row['step'])\n"
                "    return next((s for s in steps if s not in noted), None)",
                "takes notes back",
            ),
            WrongAnswer(
                "def next_step(lines, turn_key, steps):\n"
                "    noted = []\n"
                "    for line in lines:\n"
                "        try:\n"
                "            row = json.loads(line)\n"
                "        except ValueError:\n"
                "            continue\n"
                "        if row['turn'] != turn_key:\n"
                "            continue\n"
                "        if row['step'] == 'reopen':\n"
                "            noted.remove(row['result']['from'])\n"
                "        else:\n"
                "            noted.append(row['step'])\n"
                "    return next((s for s in steps if s not in noted), None)",
                "old note of canary",
            ),
            WrongAnswer(
                "def next_step(lines, turn_key, steps):\n    return steps[0]",
                "After admit comes train",
            ),
        ),
    ),
    Exercise(
        id="40.4",
        title="Five loops that went wrong",
        name="cause",
        check=check_cause,
        hints=(
            "Two of them are about effect and note, three about what is learned from.",
            "C and E: in which is the effect there too often, in which not at all?",
        ),
        solution=f"cause = {CAUSES!r}",
        wrong=(
            WrongAnswer(
                f"cause = {CAUSES | {'A': CAUSES['D'], 'D': CAUSES['A']}!r}",
                "Who could be right on 99 %",
            ),
            WrongAnswer(
                f"cause = {CAUSES | {'B': CAUSES['D'], 'D': CAUSES['B']}!r}",
                "With what does the watch compare",
            ),
            WrongAnswer(
                f"cause = {CAUSES | {'C': CAUSES['E'], 'E': CAUSES['C']}!r}",
                "not recognise",
            ),
        ),
    ),
    Exercise(
        id="40.5",
        title="From a request to its data",
        name="data_behind",
        check=check_data_behind,
        hints=(
            "Go through the log in its order, and remember the model of the moment.",
            "When the request comes, look its digest up; a dictionary raises KeyError, "
            "which is a LookupError.",
            "Whoever comes to the end of the log has not found the request.",
        ),
        solution="""
def data_behind(request, log, registry, data_of):
    digest = None
    for event in log:
        if event["event"] == "model":
            digest = event["digest"]
        elif event["id"] == request:
            return data_of[registry[digest]]
    raise LookupError(request)
""",
        wrong=(
            WrongAnswer(
                "def data_behind(request, log, registry, data_of):\n"
                "    return data_of[registry[log[0]['digest']]]",
                "take the *last* one",
            ),
            WrongAnswer(
                "def data_behind(request, log, registry, data_of):\n"
                "    models = [e['digest'] for e in log if e['event'] == 'model']\n"
                "    return data_of[registry[models[-1]]]",
                "what comes later did not answer",
            ),
            WrongAnswer(
                "def data_behind(request, log, registry, data_of):\n"
                "    digest = None\n"
                "    for event in log:\n"
                "        if event['event'] == 'model':\n"
                "            digest = event['digest']\n"
                "        elif event['id'] == request:\n"
                "            return data_of.get(registry.get(digest))",
                "the chain is broken",
            ),
        ),
    ),
]
