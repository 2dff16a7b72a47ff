"""Checks, hints and solutions of Day 31."""

import hashlib

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_number,
    expect_parts,
)
from common.exercises.answers import whole_number, word
from common.exercises.judge import refuse_blank

# What the notebook's cells before exercise 31.4 define, for the solution's code
SETUP = """
import hashlib
import io
import re
import tarfile

STORE = {}


def pack(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size = len(files[path])
            tar.addfile(entry, io.BytesIO(files[path]))
    digest = hashlib.sha256(archive.getvalue()).hexdigest()
    STORE[digest] = archive.getvalue()
    return digest


def files_of(digest):
    with tarfile.open(fileobj=io.BytesIO(STORE[digest])) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


secret = hashlib.sha256(b"day 31").hexdigest()[:16]
netrc = f"machine models password {secret}".encode()
leaky = [pack({"app/.netrc": netrc}), pack({"app/model.onnx": b"m"}),
         pack({"app/.wh..netrc": b""})]
"""


def check_megabytes(answer):
    shipped, seen = expect_parts(
        answer, 2, "Answer with two numbers: megabytes shipped, megabytes seen."
    )
    refuse_blank(shipped)
    refuse_blank(seen)
    expect_number(
        shipped,
        190,
        {
            50: "That is what a container sees. What lies in the layers below is "
            "shipped as well.",
            140: "chmod stores the whole file once more, in a layer of its own.",
            160: "The deleted b.bin lies in its layer still: a whiteout frees nothing.",
            130: "The first a.bin lies in its layer still, replaced or not.",
            110: "Two things are missing: b.bin is still in its layer, and chmod "
            "stores a.bin again.",
            80: "Lower layers never get smaller: the first a.bin and the chmod's copy "
            "are missing.",
        },
        otherwise="Add up all layers: 60, then 30 + 50, then a whiteout, then what "
        "chmod stores.",
    )
    expect_number(
        seen,
        50,
        {
            80: "b.bin is deleted: its whiteout hides it.",
            100: "Two copies of a.bin lie in the image, and one name shows one file.",
            190: "That is what is shipped. A container sees the uppermost entry of a "
            "name only.",
            110: "The first a.bin is hidden by the second.",
        },
        otherwise="Which names are left, and how large is the uppermost file of each?",
    )
    return "190 MB travel so that 50 MB can be seen."


_CHANGES = {"app/main.py": 3, "model/": 4, "requirements.txt": 6, "README.md": 0}


def check_again(answer):
    parts = expect_parts(answer, 4, "Answer with four numbers of steps.")
    for part in parts:
        refuse_blank(part)
    counts = [whole_number(part, "A number of steps") for part in parts]
    for (change, want), got in zip(_CHANGES.items(), counts, strict=True):
        if got == want:
            continue
        if change == "README.md":
            raise Wrong(
                "README.md: which COPY reads it? A file that no step reads is in no "
                "key."
            )
        if got == 1:
            raise Wrong(
                f"{change}: the step that reads it runs again, and every step after "
                "it, as each key holds the key before."
            )
        if got == want - 1:
            raise Wrong(f"{change}: almost. CMD has a key as well.")
        if got == 8:
            raise Wrong(
                f"{change}: steps before the first that reads it keep their keys."
            )
        raise Wrong(
            f"{change}: find the number of the first step that reads it. From there "
            "on, count all."
        )
    return "One step reads the file, and pulls along all that come after it."


_CODES = (0, 137, 137, 143)


def check_exit_codes(answer):
    parts = expect_parts(answer, 4, "Answer with four exit codes, for (a) to (d).")
    for part in parts:
        refuse_blank(part)
    reasons = (
        "(a) It heard the signal and ended by itself, with exit(0).",
        "(b) The kernel sends SIGKILL, signal 9, and asks nobody.",
        "(c) The shell as process 1 does not hear SIGTERM. What does Docker send when "
        "the grace period is over?",
        "(d) With --init it is not process 1: SIGTERM, signal 15, ends it as it ends "
        "any program without a handler.",
    )
    for part, want, reason in zip(parts, _CODES, reasons, strict=True):
        got = whole_number(part, "An exit code")
        if got in (-9, -15, 9, 15):
            raise Wrong("A shell, and Docker, report a signal n as 128 + n.")
        if got != want:
            raise Wrong(reason)
    return "0 is a clean end, 143 an obeyed order, 137 either memory or deafness."


def check_token(answer):
    token = hashlib.sha256(b"day 31").hexdigest()[:16]
    given = answer.decode() if isinstance(answer, bytes) else str(answer)
    if word(given) == token:
        return (
            "Whoever can pull the image can do this. The cure is a new token, and a "
            "build secret in place of COPY; deleting the tag revokes nothing."
        )
    if token in given:
        raise Wrong("The password alone: the last word of the file.")
    if "netrc" in given:
        raise Wrong("That is the name of the file. What did the file hold?")
    raise Wrong(
        "That is not it. `view` shows the pile from above; look at the layers one by "
        "one."
    )


def _broken_rules(text, *, all_stages=False, last_command=True):
    """The rules that a Dockerfile breaks; the options make known mistakes."""
    broken, stages, user, command, copied = set(), {"scratch"}, None, "[", False
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        word, rest = word.upper(), rest.strip()
        if word == "FROM":
            name, *alias = rest.split()
            tag = name.rpartition("/")[2].partition(":")[2]
            pinned = "@" in name or (tag and tag != "latest")
            if name not in stages and not pinned:
                broken.add("unpinned")
            stages.update(alias[1:])
            user = user if all_stages else None
            copied = False
        elif word == "USER":
            user = rest
        elif word in ("CMD", "ENTRYPOINT"):
            command = rest if last_command else min(command, rest)
        elif word in ("ARG", "ENV"):
            name = rest.partition("=")[0].upper()
            if any(one in name for one in ("TOKEN", "PASSWORD", "SECRET")):
                broken.add("secret")
        elif word == "COPY" and rest.startswith(". "):
            copied = True
        elif word == "RUN" and "pip install" in rest and copied:
            broken.add("order")
    if user is None or user.partition(":")[0] in ("root", "0"):
        broken.add("root")
    if not command.startswith("["):
        broken.add("shell form")
    return broken


_GOOD = """FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
USER 10001:10001
CMD ["python", "-m", "app"]"""

_DOCKERFILES = {
    "a good one": _GOOD,
    "no USER": _GOOD.replace("USER 10001:10001\n", ""),
    "USER root at the end": _GOOD.replace("CMD", "USER root\nCMD"),
    "USER 0:0": _GOOD.replace("10001:10001", "0:0"),
    "USER 1000, which only begins with other digits": _GOOD.replace("10001", "1000"),
    "a string as CMD": _GOOD.replace('["python", "-m", "app"]', "python -m app"),
    "an ENTRYPOINT as a string": _GOOD.replace("CMD", "ENTRYPOINT").replace(
        '["python", "-m", "app"]', "python -m app"
    ),
    "no tag": _GOOD.replace(":3.11-slim", ""),
    "latest": _GOOD.replace(":3.11-slim", ":latest"),
    "a registry with a port and no tag": _GOOD.replace(
        "python:3.11-slim", "registry:5000/python"
    ),
    "a password as ENV": _GOOD.replace("WORKDIR", "ENV DB_PASSWORD=x\nWORKDIR"),
    "a token as ARG": _GOOD.replace("WORKDIR", "ARG index_token\nWORKDIR"),
    "everything copied first": _GOOD.replace("COPY requirements.txt .", "COPY . ."),
    "two stages, the second without USER": (
        "FROM python:3.11-slim AS build\nUSER 10001\nCOPY requirements.txt .\n"
        "RUN pip install -r requirements.txt\nFROM python:3.11-slim\n"
        'COPY --from=build /venv /venv\nCMD ["python"]'
    ),
    # Its USER stands in the second stage, which would inherit one of the first
    "two stages, the second from the first": (
        "FROM python:3.11-slim AS build\nCOPY requirements.txt .\n"
        "RUN pip install -r requirements.txt\nFROM build\nCOPY . .\nUSER 10001\n"
        'CMD ["python"]'
    ),
    "two stages, both good": (
        "FROM python:3.11-slim AS build\nCOPY . .\nFROM python:3.11-slim\n"
        "COPY requirements.txt .\nRUN pip install -r requirements.txt\nUSER 10001\n"
        'CMD ["python"]'
    ),
    "nothing but FROM scratch": 'FROM scratch\nUSER 1\nCMD ["/app"]',
    "a build stage without a tag": (
        "FROM python AS build\nCOPY requirements.txt .\n"
        "RUN pip install -r requirements.txt\nFROM python:3.11-slim\n"
        'COPY --from=build /venv /venv\nUSER 10001\nCMD ["python"]'
    ),
    "a secret as ENV": _GOOD.replace("WORKDIR", "ENV SIGNING_SECRET=x\nWORKDIR"),
    "a value that says token": _GOOD.replace("WORKDIR", "ENV LOGIN=token\nWORKDIR"),
    "a secret that is mounted for one step": _GOOD.replace(
        "RUN pip", "RUN --mount=type=secret,id=pip pip"
    ),
}


def check_criticise(criticise):
    known = ("root", "shell form", "unpinned", "secret", "order")
    refuse_blank(criticise(_GOOD))
    for what, text in _DOCKERFILES.items():
        got = criticise(text)
        if got is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        if isinstance(got, str) or not hasattr(got, "__iter__"):
            raise Wrong("Return a set of names, an empty one for a good Dockerfile.")
        got, want = set(got), _broken_rules(text)
        if got == want:
            continue
        if strange := got - set(known):
            raise Wrong(f"{min(map(str, strange))!r} is none of the five names.")
        if what.startswith("two stages") and got == _broken_rules(
            text, all_stages=True
        ):
            raise Wrong(
                "A USER of an earlier stage does not count: FROM begins anew, here "
                "from an image that runs as root."
            )
        if what.startswith("two stages") and "unpinned" in got:
            raise Wrong("FROM may name an earlier stage: `FROM build` needs no tag.")
        if what.startswith("two stages") and "order" in got:
            raise Wrong("A COPY of an earlier stage does not count: FROM begins anew.")
        if what == "a registry with a port and no tag":
            raise Wrong("In registry:5000/python the colon belongs to the port.")
        if missed := want - got:
            raise Wrong(f"{what!r} breaks the rule {min(missed)!r}.")
        raise Wrong(f"{what!r} does not break the rule {min(got - want)!r}.")
    return (
        f"{len(_DOCKERFILES)} Dockerfiles judged. hadolint, a linter for them, knows "
        "dozens of rules more."
    )


EXERCISES = [
    Exercise(
        id="31.r1",
        title="Recall: alive and not ready",
        name="recall_1",
        check=choice(
            "b",
            "It lives and says that it cannot serve yet: no traffic, no restart.",
            {
                "a": "A restart would bring the same process into the same state.",
                "c": "Requests that are sent meanwhile get an error.",
            },
        ),
        hints=("Which of the two paths asks for the model?",),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "same state"),
            WrongAnswer('recall_1 = "c"', "get an error"),
        ),
    ),
    Exercise(
        id="31.r2",
        title="Recall: content addresses",
        name="recall_2",
        check=choice(
            "b",
            "The address is the hash of the bytes; equal bytes have one address.",
            {
                "a": "Where would the second lie? Both have the same hash.",
                "c": "The name is no part of the hash.",
            },
        ),
        hints=("What is the address computed from?",),
        solution='recall_2 = "b"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "same hash"),
            WrongAnswer('recall_2 = "c"', "no part"),
        ),
    ),
    Exercise(
        id="31.r3",
        title="Recall: serving without Keras",
        name="recall_3",
        check=choice(
            "c",
            "The forward pass went into a file that a small runtime executes.",
            {
                "a": "The tokeniser is plain Python in either case.",
                "b": "The export keeps the numbers, to about seven digits.",
            },
        ),
        hints=("What does training need that an answer does not?",),
        solution='recall_3 = "c"',
        wrong=(
            WrongAnswer('recall_3 = "a"', "plain Python"),
            WrongAnswer('recall_3 = "b"', "keeps the numbers"),
        ),
    ),
    Exercise(
        id="31.1",
        title="Shipped and seen",
        name="megabytes",
        check=check_megabytes,
        hints=(
            "Write down each layer's content, with sizes; nothing ever leaves a layer.",
            "Step 4 puts a whole file into a fourth layer.",
        ),
        solution="megabytes = 60 + 30 + 50 + 0 + 50, 50",
        wrong=(
            WrongAnswer("megabytes = 140, 50", "chmod stores"),
            WrongAnswer("megabytes = 160, 50", "frees nothing"),
            WrongAnswer("megabytes = 50, 50", "container sees"),
            WrongAnswer("megabytes = 190, 80", "whiteout hides"),
            WrongAnswer("megabytes = 190, 190", "is shipped"),
            WrongAnswer("megabytes = 190, 100", "one name shows one"),
            WrongAnswer("megabytes = 190", "two numbers"),
            WrongAnswer("megabytes = 7, 50", "Add up all layers"),
        ),
    ),
    Exercise(
        id="31.2",
        title="Which steps run again",
        name="again",
        check=check_again,
        hints=(
            "For each change find the first step that reads the file.",
            "All steps from there on have new keys. Does any step read README.md?",
        ),
        solution="""
steps = 8
again = steps - 6 + 1, steps - 5 + 1, steps - 3 + 1, 0
""",
        wrong=(
            WrongAnswer("again = 1, 1, 1, 0", "every step after"),
            WrongAnswer("again = 2, 3, 5, 0", "CMD has a key"),
            WrongAnswer("again = 8, 4, 6, 0", "keep their keys"),
            WrongAnswer("again = 3, 4, 6, 1", "which COPY reads it"),
            WrongAnswer("again = 5, 4, 6, 0", "count all"),
            WrongAnswer("again = 3", "four numbers"),
        ),
    ),
    Exercise(
        id="31.3",
        title="How processes end",
        name="exit_codes",
        check=check_exit_codes,
        hints=(
            "SIGTERM is number 15, SIGKILL number 9.",
            "Only process 1 is deaf to a signal without a handler.",
        ),
        solution="exit_codes = 0, 128 + 9, 128 + 9, 128 + 15",
        wrong=(
            WrongAnswer("exit_codes = 143, 137, 137, 143", "by itself"),
            WrongAnswer("exit_codes = 0, 143, 137, 143", "asks nobody"),
            WrongAnswer("exit_codes = 0, 137, 143, 143", "does not hear"),
            WrongAnswer("exit_codes = 0, 137, 137, 137", "not process 1"),
            WrongAnswer("exit_codes = 0, -9, 137, 143", "128 + n"),
            WrongAnswer("exit_codes = 137", "four exit codes"),
        ),
    ),
    Exercise(
        id="31.4",
        title="A token that nobody can see",
        name="token",
        check=check_token,
        hints=(
            "`files_of(digest)` opens one layer.",
            "Search the layers for a path that `view(leaky)` does not list.",
        ),
        solution="""
hidden = {path: content for digest in leaky for path, content in
          files_of(digest).items() if path.endswith("/.netrc")}
token = hidden["app/.netrc"].decode().split()[-1]
""",
        wrong=(
            WrongAnswer('token = "app/.netrc"', "name of the file"),
            WrongAnswer('token = "hello"', "one by one"),
            WrongAnswer(
                "token = b'machine models password ' + "
                "hashlib.sha256(b'day 31').hexdigest()[:16].encode()",
                "alone",
            ),
        ),
    ),
    Exercise(
        id="31.5",
        title="Be the linter",
        name="criticise",
        check=check_criticise,
        hints=(
            "Go through the lines with four things in mind that FROM resets or not: "
            "the user, the last command, whether all was copied, the stages' names.",
            "A tag is what follows the colon after the last slash.",
            "At the end look at the user and at the last command.",
        ),
        solution="""
def criticise(text):
    broken, stages, user, command, copied = set(), {"scratch"}, "root", "[", False
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            name, *alias = rest.split()
            stages.update(alias[1:])
            tag = name.split("/")[-1].partition(":")[2]
            if name not in stages and tag in ("", "latest"):
                broken.add("unpinned")
            user, copied = "root", False
        elif word == "USER":
            user = rest.split(":")[0]
        elif word in ("CMD", "ENTRYPOINT"):
            command = rest
        elif word in ("ARG", "ENV"):
            if re.search("TOKEN|PASSWORD|SECRET", rest.split("=")[0].upper()):
                broken.add("secret")
        elif word == "COPY":
            copied = copied or rest.startswith(". ")
        elif word == "RUN" and copied and "pip install" in rest:
            broken.add("order")
    if user in ("root", "0"):
        broken.add("root")
    if not command.startswith("["):
        broken.add("shell form")
    return broken
""",
        wrong=(
            WrongAnswer("def criticise(text):\n    return set()", "breaks the rule"),
            WrongAnswer("def criticise(text):\n    return None", "return statement"),
            WrongAnswer("def criticise(text):\n    return 'root'", "set of names"),
            WrongAnswer("def criticise(text):\n    return {'bad'}", "none of the five"),
            WrongAnswer(
                "def criticise(text):\n"
                "    return {'order'} if 'pip install' in text else set()",
                "does not break",
            ),
            WrongAnswer(
                "def criticise(text):\n"
                "    broken, user, cmd, copied = set(), 'root', '[', False\n"
                "    for line in text.splitlines():\n"
                "        word, _, rest = line.partition(' ')\n"
                "        if word == 'FROM':\n"
                "            user, copied = 'root', False\n"
                "            tag = rest.split()[0].split('/')[-1].partition(':')[2]\n"
                "            if rest != 'scratch' and tag in ('', 'latest'):\n"
                "                broken.add('unpinned')\n"
                "        user = rest.split(':')[0] if word == 'USER' else user\n"
                "        cmd = rest if word in ('CMD', 'ENTRYPOINT') else cmd\n"
                "        if re.search('TOKEN|PASSWORD|SECRET', line.upper()):\n"
                "            broken.add('secret')\n"
                "        copied = copied or line.startswith('COPY . ')\n"
                "        if copied and 'pip install' in line: broken.add('order')\n"
                "    if user in ('root', '0'): broken.add('root')\n"
                "    if cmd[0] != '[': broken.add('shell form')\n"
                "    return broken",
                "needs no tag",
            ),
            WrongAnswer(
                "def criticise(text):\n"
                "    broken, user, cmd, copied = set(), 'root', '[', False\n"
                "    stages = {'scratch'}\n"
                "    for line in text.splitlines():\n"
                "        word, _, rest = line.partition(' ')\n"
                "        if word == 'FROM':\n"
                "            user, copied = 'root', False\n"
                "            name = rest.split()[0]\n"
                "            tag = name.split('/')[-1].partition(':')[2]\n"
                "            if name not in stages and tag in ('', 'latest'):\n"
                "                broken.add('unpinned')\n"
                "            stages.add(rest.split()[-1])\n"
                "        user = rest.split(':')[0] if word == 'USER' else user\n"
                "        cmd = rest if word in ('CMD', 'ENTRYPOINT') else cmd\n"
                "        if any(w in line.upper() for w in "
                "('TOKEN', 'PASSWORD', 'SECRET')):\n"
                "            broken.add('secret')\n"
                "        copied = copied or line.startswith('COPY . ')\n"
                "        if copied and 'pip install' in line: broken.add('order')\n"
                "    if user in ('root', '0'): broken.add('root')\n"
                "    if cmd[0] != '[': broken.add('shell form')\n"
                "    return broken",
                "'a value that says token' does not",
            ),
            WrongAnswer(
                "def criticise(text):\n"
                "    out = set()\n"
                "    users = [l.split()[1].split(':')[0] for l in text.splitlines() "
                "if l.startswith('USER')]\n"
                "    if not users or users[-1] in ('root', '0'): out.add('root')\n"
                "    cmds = [l for l in text.splitlines() if l.startswith(('CMD', "
                "'ENTRYPOINT'))]\n"
                "    if '[' not in cmds[-1]: out.add('shell form')\n"
                "    for l in text.splitlines():\n"
                "        if l.startswith('FROM') and ':' not in l.split('/')[-1] and "
                "l.split()[1] not in ('scratch', 'build'): out.add('unpinned')\n"
                "        if ':latest' in l: out.add('unpinned')\n"
                "        if l.startswith(('ENV', 'ARG')): out.add('secret')\n"
                "    if 'COPY . ' in text and 'pip install' in text and "
                "text.index('COPY . ') < text.index('RUN pip'): out.add('order')\n"
                "    return out",
                "FROM begins anew",
            ),
        ),
    ),
]
