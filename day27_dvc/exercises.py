"""Checks, hints and solutions of Day 27."""

import hashlib
import json
import random
import re
import tempfile
from pathlib import Path

from common.exercises import Exercise, Wrong, WrongAnswer, choice, expect_causes

SETUP = """
import hashlib
import json
import re
from pathlib import Path


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def place(store, name):
    return store / name[:2] / name[2:]
"""

# --- 27.1: which stages run ----------------------------------------------------------

_STAGES = ("ingest", "validate", "featurise", "train", "evaluate", "export")
_DROPOUT = "[model] dropout = 0.3"
_WORDS = "[features] vocabulary_size: twice as large"
_COMMENT = "a comment in common/sentiment/pipeline/stages/featurise.py"
_DELETED = "the folder run/train is deleted"
_DATES = "every file gets today's date"
_RUN = {
    _DROPOUT: "train, evaluate, export",
    _WORDS: "featurise, train, evaluate, export",
    _COMMENT: "featurise",
    _DELETED: "none",
    _DATES: "none",
}
_WHY = {
    _DROPOUT: (
        "Which stages name the section [model]? With another dropout the weights are "
        "others, and whoever reads them has something new to read."
    ),
    _WORDS: (
        "The tokeniser is fitted in featurise, and all that comes after it reads its "
        "numbers. Reviews are taken in and checked as before."
    ),
    _COMMENT: (
        "The file's bytes changed, so the stage that names it runs. Then ask: does it "
        "write other bytes than before?"
    ),
    _DELETED: (
        "What a stage writes goes into the cache, like data/: it need not be computed "
        "to be there again."
    ),
    _DATES: "DVC compares content, and no content changed.",
}


def check_stages_that_run(answer):
    if not isinstance(answer, dict) or set(answer) != set(_RUN):
        raise Wrong("Answer with the dictionary of the cell, its keys unchanged.")
    for change, want in _RUN.items():
        names = set(re.findall(r"\w+", str(answer[change]).lower())) - {"none"}
        if unknown := sorted(names - set(_STAGES)):
            raise Wrong(f"{unknown[0]!r} is no stage: {', '.join(_STAGES)}.")
        if names != set(re.findall(r"\w+", want)) - {"none"}:
            raise Wrong(f"Look again at: {change}. {_WHY[change]}")
    return "A change acts along the arrows, as far as it changes bytes."


# --- 27.2: verify --------------------------------------------------------------------


def _name(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _write(store, name, content):
    path = store / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def check_verify(verify):
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch)
        whole = [_name(b"one"), _name(b"two"), _name(b"")]
        for name, content in zip(whole, (b"one", b"two", b""), strict=True):
            _write(store, name, content)
        listing = json.dumps([{"md5": whole[0], "relpath": "a"}]).encode()
        _write(store, whole_list := _name(listing) + ".dir", listing)
        _write(store, "abcd.part", b"being written")
        if _given(verify(store), whole_list):
            raise Wrong("Every object of this store is whole, and yet you name some.")
        _write(store, cut := _name(b"three"), b"thr")
        _write(store, bad_list := _name(b"[]") + ".dir", listing)
        _write(store, empty := _name(b"four"), b"")
        found = _given(verify(store), whole_list)
    if extra := found - {cut, bad_list, empty}:
        raise Wrong(f"{sorted(extra)[0]!r} is whole, or is no object's name.")
    if bad_list not in found:
        raise Wrong("A list was damaged and is not found: lists have hashes too.")
    if missing := {cut, empty} - found:
        raise Wrong(
            f"{len(missing)} damaged object(s) are not found: one was cut off, one "
            "is empty. Hash the content; a look at its presence is not enough."
        )
    return "This is what `verify = true` does for each object that comes in."


def _given(answer, whole_list):
    if answer is None or isinstance(answer, (str, bytes, bool, int)):
        raise Wrong("Return the names as a list or a set, an empty one for none.")
    names = {one if isinstance(one, str) else repr(one) for one in answer}
    if any("part" in name for name in names):
        raise Wrong("A file that ends in .part was being written: leave it out.")
    if whole_list in names:
        raise Wrong(
            "A whole list is called damaged: the ending .dir belongs to its name and "
            "not to the hash."
        )
    if any("/" in name or "\\" in name for name in names):
        raise Wrong("Return names, the folder's two digits and the rest joined.")
    if any(len(name.removesuffix(".dir")) == 30 for name in names):
        raise Wrong("A name has 32 digits: the first two are the folder's.")
    return names


# --- 27.3: four cases ----------------------------------------------------------------

CASES = {
    "A": "pointer not committed",
    "B": "damaged in the remote",
    "C": "not pushed",
    "D": "edited after dvc add",
}
"""What the notebook's cell commits; look at what it prints before you look here."""


def check_faults(answer):
    why = {
        "A": "Compare the two pointers: the colleague has one that fits its file, and "
        "it is an older one. Who did not send what?",
        "B": "The colleague's pointer promises a size. Count the characters that came.",
        "C": "The colleague has the newest pointer and no file at all.",
        "D": "Count the characters of the author's own file against the author's own "
        "pointer.",
    }
    expect_causes(answer, CASES, why, "faults")
    return (
        "Three of the four pulls were called a success: one brought damaged bytes, one "
        "an old version, and one what the author has changed since."
    )


# --- 27.4: pieces --------------------------------------------------------------------


def check_pieces(pieces):
    draw = random.Random(27)
    words = ["film", "plot", "great", "dull", "music", "ending", "actor", "scene"]
    lines = [
        (f"{i} " + " ".join(draw.choices(words, k=draw.randint(4, 14)))).encode()
        for i in range(1_000)
    ]
    old = b"\n".join(lines) + b"\n"
    known = _cut(pieces, old)
    if not 20 <= len(known) <= 300:
        raise Wrong(
            f"{len(old):,} bytes were cut into {len(known)} pieces; 20 to 300 are "
            "asked for. One piece saves nothing, and a piece for every line needs a "
            "list as long as the text."
        )
    stored = set(known)
    for at in range(0, len(lines) + 1, 50):
        for what, more in (("put in", [b"a new line"]), ("taken out", [])):
            rest = lines[at + (not more) :]
            if not more and at == len(lines):
                continue
            new = b"\n".join(lines[:at] + more + rest) + b"\n"
            cut = _cut(pieces, new)
            kept = sum(len(one) for one in cut if one in stored) / len(new)
            if kept < 0.9:
                raise Wrong(_why_unknown(what, at, kept, max(map(len, known)), new))
    _cut(pieces, b"")
    return "Two versions that differ in a line now share nearly all of their pieces."


def _why_unknown(what, at, kept, longest, new):
    found = (
        f"After a line was {what} as number {at + 1:,}, only {kept:.1%} of the bytes "
        "lie in known pieces. "
    )
    if longest > len(new) / 20 and 1 - kept < 2.5 * longest / len(new):
        return found + (
            f"Your longest piece holds {longest / len(new):.0%} of the text, and a "
            "change in it makes it unknown: cut more often, or more evenly."
        )
    return found + (
        "Where a cut falls must depend on the bytes around it, not on how far it is "
        "from the beginning."
    )


def _cut(pieces, content):
    got = pieces(content)
    if got is None:
        raise Wrong("Nothing was returned: is there a return statement?")
    got = list(got)
    if not all(isinstance(one, (bytes, bytearray)) for one in got):
        raise Wrong("Each piece has to be a bytes object.")
    if b"".join(got) != content:
        raise Wrong(
            "Joined, the pieces are not the content: every byte once, in order."
        )
    return [bytes(one) for one in got]


EXERCISES = [
    Exercise(
        id="27.r1",
        title="Recall: the same seed, another order of the images",
        name="same_seed",
        check=choice(
            "c",
            "The seed fixes which places of the list come together, and other images "
            "stand there. The order of the rows is part of the data.",
            {
                "a": "With the same seed both are shuffled in the same way, and so two "
                "different orders stay different.",
                "b": "For the loss of all images together that is so. Each step of "
                "training sees one minibatch.",
            },
        ),
        hints=(
            "What does a generator with the same seed give: the same images, or the "
            "same places in the list?",
            "Which images make up the first minibatch, the first time and the second?",
        ),
        solution='same_seed = "c"',
        wrong=(
            WrongAnswer('same_seed = "a"', "shuffled in the same way"),
            WrongAnswer('same_seed = "b"', "sees one minibatch"),
            WrongAnswer('same_seed = "x"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="27.r2",
        title="Recall: who judges both models",
        name="judge_of_both",
        check=choice(
            "c",
            "Both models, the same unseen reviews: only so can they be compared.",
            {
                "a": "The new model may have learnt its own training set by heart, and "
                "the two training sets differ.",
                "b": "The new model was told these very answers, the old one others.",
            },
        ),
        hints=(
            "Which reviews has neither model learnt from?",
            "An exam must be the same for both, and known to neither.",
        ),
        solution='judge_of_both = "c"',
        wrong=(
            WrongAnswer('judge_of_both = "a"', "by heart"),
            WrongAnswer('judge_of_both = "b"', "told these very answers"),
        ),
    ),
    Exercise(
        id="27.r3",
        title="Recall: a new tokeniser, old weights",
        name="old_weights",
        check=choice(
            "c",
            "Model and tokeniser are one thing and get one version.",
            {
                "a": "A word's number is its rank, and with new reviews ranks change.",
                "b": "The weights hold no row that was trained for a new word.",
            },
        ),
        hints=(
            "What is the number of a word, and what does the embedding do with it?",
            "With new counts the words are ranked anew.",
        ),
        solution='old_weights = "c"',
        wrong=(
            WrongAnswer('old_weights = "a"', "ranks change"),
            WrongAnswer('old_weights = "b"', "no row that was trained"),
        ),
    ),
    Exercise(
        id="27.1",
        title="Which stages run?",
        name="stages_that_run",
        check=check_stages_that_run,
        hints=(
            "Find the stages that name the changed thing in dvc.yaml; the drawing "
            "shows who reads their results.",
            "A stage after one that ran runs only if it has other bytes to read.",
            "Two of the five changes start nothing, and one of them brings back a "
            "folder all the same.",
        ),
        solution=f"stages_that_run = {json.dumps(_RUN)}",
        wrong=tuple(
            WrongAnswer("stages_that_run = " + json.dumps(_RUN | change), reason)
            for change, reason in (
                ({_DROPOUT: "train"}, "something new to read"),
                ({_DROPOUT: "evaluate, export"}, "name the section"),
                ({_WORDS: list(_STAGES)}, "checked as before"),
                ({_COMMENT: []}, "bytes changed"),
                ({_COMMENT: "featurise, train"}, "other bytes than"),
                ({_DELETED: "train"}, "need not be computed"),
                ({_DATES: list(_STAGES)}, "compares content"),
                ({_DROPOUT: "tran"}, "is no stage"),
            )
        )
        + (WrongAnswer('stages_that_run = "train"', "dictionary of the cell"),),
    ),
    Exercise(
        id="27.2",
        title="Find the damaged objects",
        name="verify",
        check=check_verify,
        hints=(
            "The name of an object is the name of its folder and the file's own, "
            "joined: path.parent.name + path.name.",
            "Take .dir away before you compare with md5(path.read_bytes()).",
            "store.glob('*/*') gives all files; leave out those with the suffix .part.",
        ),
        solution="""
def verify(store):
    damaged = []
    for path in store.glob("*/*"):
        name = path.parent.name + path.name
        if path.suffix != ".part":
            if md5(path.read_bytes()) != name.removesuffix(".dir"):
                damaged.append(name)
    return damaged
""",
        wrong=tuple(
            WrongAnswer(f"def verify(store):\n    {body}", reason)
            for body, reason in (
                (
                    "return [p.parent.name + p.name for p in store.glob('*/*') if "
                    "p.suffix != '.part' and "
                    "md5(p.read_bytes()) != p.parent.name + p.name]",
                    "ending .dir belongs",
                ),
                (
                    "return [p.parent.name + p.name for p in store.glob('*/*') if "
                    "md5(p.read_bytes()) != (p.parent.name + p.name)[:32]]",
                    "was being written",
                ),
                (
                    "return [p.name for p in store.glob('*/*') if p.suffix == '' "
                    "and md5(p.read_bytes()) != p.parent.name + p.name]",
                    "32 digits",
                ),
                (
                    "return [p.parent.name + p.name for p in store.glob('*/*') if "
                    "p.suffix == '' and "
                    "md5(p.read_bytes()) != p.parent.name + p.name]",
                    "lists have hashes too",
                ),
                (
                    "return [p.parent.name + p.name for p in store.glob('*/*') if "
                    "p.suffix == '.dir' and "
                    "md5(p.read_bytes()) != (p.parent.name + p.name)[:-4]]",
                    "Hash the content",
                ),
                (
                    "return [f'{p.parent.name}/{p.name}' for p in store.glob('*/*') "
                    "if p.suffix != '.part' and "
                    "md5(p.read_bytes()) != (p.parent.name + p.name)[:32]]",
                    "Return names",
                ),
                ("return False", "as a list or a set"),
                (
                    "return [p.parent.name + p.name for p in store.glob('*/*') "
                    "if p.suffix == '']",
                    "yet you name some",
                ),
            )
        ),
    ),
    Exercise(
        id="27.3",
        title="Four cases with a fault",
        name="faults",
        check=check_faults,
        hints=(
            "Ask of each person: does the file fit the pointer? The size is its number "
            "of bytes, and \\n is one.",
            "Then ask: do the two pointers agree?",
            "A file that fits an old pointer: the new pointer never left. A file that "
            "fits no pointer: somebody changed bytes, at home or on the way.",
        ),
        solution=f"faults = {json.dumps(CASES)}",
        wrong=tuple(
            WrongAnswer("faults = " + json.dumps(CASES | change), reason)
            for change, reason in (
                ({"A": CASES["C"], "C": CASES["A"]}, "Look at A"),
                ({"B": CASES["D"], "D": CASES["B"]}, "Look at B"),
                ({"C": CASES["D"], "D": CASES["C"]}, "Look at C"),
                ({"D": CASES["A"]}, "Look at D"),
                ({"A": "gremlins"}, "is not one of the faults"),
            )
        )
        + (WrongAnswer('faults = "A"', "has the keys"),),
    ),
    Exercise(
        id="27.4",
        title="Pieces that survive an insertion",
        name="pieces",
        check=check_pieces,
        hints=(
            "Blocks of 500 bytes all move by one when a byte is put in front. What "
            "does not move?",
            "Let the content decide: end a piece after a line whose hash has some "
            "property that one line in ten has.",
            "content.splitlines(keepends=True), and int(md5(line), 16) % 10 == 0. "
            "(Python's own hash() of bytes is another in every process.)",
        ),
        solution="""
def pieces(content):
    done, open_piece = [], b""
    for line in content.splitlines(keepends=True):
        open_piece += line
        if int(md5(line), 16) % 10 == 0:
            done.append(open_piece)
            open_piece = b""
    return done + [open_piece] if open_piece else done
""",
        wrong=tuple(
            WrongAnswer(f"def pieces(content):\n    {body}", reason)
            for body, reason in (
                (
                    "return [content[i:i + 500] for i in range(0, len(content), 500)]",
                    "as number 1, only",
                ),
                ("return [content]", "into 1 pieces"),
                ("return content.splitlines(keepends=True)", "a piece for every line"),
                (
                    "lines = content.splitlines(keepends=True)\n"
                    "    return [b''.join(lines[i:i + 10]) "
                    "for i in range(0, len(lines), 10)]",
                    "not on how far",
                ),
                (  # known words, all of them in the first three fifths of the text
                    "done, piece = [], b''\n"
                    "    for line in content.splitlines(keepends=True):\n"
                    "        piece += line\n"
                    "        if line[:1] in (b'2', b'5'):\n"
                    "            done.append(piece)\n"
                    "            piece = b''\n"
                    "    return done + [piece] if piece else done",
                    "Your longest piece",
                ),
                ("return content.split(b'\\n')", "Joined, the pieces"),
                ("return [content.decode()]", "a bytes object"),
                ("pass", "Nothing was returned"),
            )
        ),
    ),
]
