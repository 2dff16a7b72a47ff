"""Checks, hints and solutions of Day 26."""

import contextlib
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

from common.exercises import Exercise, Wrong, WrongAnswer, choice, expect_causes, word

SETUP = """
import json
import os
import uuid
from pathlib import Path
"""

# --- 26.1: whose digest ----------------------------------------------------------

_DIGESTS = {
    "review 200: a word replaced": "both",
    "last review: a word replaced": "ours",
    "last review: its label flipped": "ours",
    "last review removed": "both",
    "last two reviews change places": "ours",
    "nothing": "neither",
}
_WHY_DIGESTS = {
    "review 200: a word replaced": (
        "Before the 200th review stand 199 × 40 numbers: how many does MLflow's read?"
    ),
    "last review: a word replaced": (
        "Before the last review stand 11,999 × 40 numbers, and MLflow's reads 10,000."
    ),
    "last review: its label flipped": (
        "The labels are an array of their own, and a long one: how many of the 12,000 "
        "does MLflow's read?"
    ),
    "last review removed": "The shape goes into MLflow's digest, too.",
    "last two reviews change places": (
        "Ours reads all numbers in their order. MLflow's sees the shape and the first "
        "10,000: is either of them another?"
    ),
    "nothing": "A digest of equal content is equal, or it would be of no use.",
}


def check_digests(answer):
    if not isinstance(answer, dict) or set(answer) != set(_DIGESTS):
        raise Wrong("Answer with the dictionary of the cell, its keys unchanged.")
    known = ("both", "mlflow", "ours", "neither")
    given = {change: word(answer[change]) for change in answer}
    for one in given.values():
        if one not in known:
            raise Wrong(f"{one!r} is none of {', '.join(map(repr, known))}.")
    for change, right in _DIGESTS.items():
        if given[change] != right:
            raise Wrong(f"Look at {change!r} again. {_WHY_DIGESTS[change]}")
    return "Three changes in five escape the short digest, and no error tells of it."


# --- 26.2: log a run whole ---------------------------------------------------------


class _Run:
    """What `start_run` returns: an id, and an end at the end of the block."""

    def __init__(self, store):
        self.store = store
        self.info = type("Info", (), {"run_id": "7c1e"})()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.store.status == "RUNNING":
            self.store.status = "FINISHED" if kind is None else "FAILED"
        return False


class _Store:
    """A stand-in for the module `mlflow`, with the rules of the real one."""

    def __init__(self):
        self.status, self.params, self.tags, self.metrics = "", {}, {}, {}

    def start_run(self, run_name=None, tags=None, **_):
        if self.status == "RUNNING":
            raise RuntimeError("a run is active already; end it first")
        self.status = "RUNNING"
        self.set_tags(tags or {})
        return _Run(self)

    def end_run(self, status="FINISHED"):
        self.status = status

    def active_run(self):
        return _Run(self) if self.status == "RUNNING" else None

    def _active(self):
        if self.status != "RUNNING":  # the real one would open a second run
            raise Wrong(
                "Something is logged while no run is active: MLflow would open "
                "another run for it. Log inside the with block."
            )

    def log_param(self, key, value):
        self._active()
        self.params[key] = str(value)

    def log_params(self, params):
        for key, value in params.items():
            self.log_param(key, value)

    def set_tag(self, key, value):
        self._active()
        self.tags[key] = str(value)

    def set_tags(self, tags):
        for key, value in tags.items():
            self.set_tag(key, value)

    def log_metric(self, key, value, step=None, **_):
        self._active()
        self.metrics.setdefault(key, []).append((step or 0, float(value)))

    def log_metrics(self, metrics, step=None, **_):
        for key, value in metrics.items():
            self.log_metric(key, value, step)


class _PowerCut(Exception):
    """What a training may die of."""


def check_log_whole(log_whole):
    settings = {"learning_rate": 0.02, "seed": 7}
    curve = {1: {"loss": 0.6, "acc": 0.5}, 2: {"loss": 0.5, "acc": 0.7}}
    store = _Store()

    def epochs():
        for epoch, figures in curve.items():
            before = [s for points in store.metrics.values() for s, _ in points]
            if epoch > 1 and not before:
                raise Wrong(
                    "After the first epoch nothing of it was in the store: log each "
                    "epoch as it comes, inside the loop over epochs."
                )
            yield epoch, dict(figures)

    got = log_whole(store, dict(settings), "3f86c1", epochs())
    if store.params != {name: str(value) for name, value in settings.items()}:
        raise Wrong("The parameters are not in the store: log_params(settings).")
    if store.tags.get("data_sha256") != "3f86c1":
        raise Wrong('The hash of the data is missing: set_tag("data_sha256", …).')
    want = {
        name: [(epoch, figures[name]) for epoch, figures in curve.items()]
        for name in ("loss", "acc")
    }
    if {step for points in store.metrics.values() for step, _ in points} == {0}:
        raise Wrong("All figures stand at step 0: hand step=epoch to log_metrics.")
    if store.metrics != want:
        raise Wrong(f"The curves in the store are {store.metrics}, not {want}.")
    if store.status == "RUNNING":
        raise Wrong(
            "The run still says RUNNING when all is done: open it in a with block, "
            "which closes it."
        )
    if got != "7c1e":
        raise Wrong("Return the run's id: run.info.run_id of what start_run gives.")
    _crash(log_whole, settings)
    return "Whole when all goes well, and what is known when it does not."


def _crash(log_whole, settings):
    store = _Store()

    def dying():
        yield 1, {"loss": 0.6}
        raise _PowerCut

    heard = False
    try:
        log_whole(store, dict(settings), "3f86c1", dying())
    except _PowerCut:
        heard = True
    if not store.metrics:
        raise Wrong("The training died in epoch 2, and epoch 1 is not in the store.")
    known = {name: str(value) for name, value in settings.items()}
    if store.params != known or store.tags.get("data_sha256") != "3f86c1":
        raise Wrong(
            "The training died in epoch 2, and the store does not know what went into "
            "it: write parameters and hash before the first epoch."
        )
    if not heard:
        raise Wrong(
            "The training died, and the caller never heard of it: let the error pass."
        )
    if store.status in ("FINISHED", "RUNNING"):
        raise Wrong(
            f"The training died, and its run says {store.status}: a with block "
            "writes FAILED when an error leaves it."
        )


# --- 26.3: four ruins --------------------------------------------------------------

_CAUSES = {
    "A": "settings changed after logging",
    "B": "data changed",
    "C": "code not committed",
    "D": "seed not logged",
}
_WHY_CAUSES = {
    "A": "Compare the number of epochs that A announced with its steps.",
    "B": "Compare B's hashes with those of today.",
    "C": "The commit alone does not tell which code ran for C; is the rest kept?",
    "D": "Which of the other runs' parameters is empty for D?",
}


def check_causes(answer):
    expect_causes(answer, _CAUSES, _WHY_CAUSES)
    return "Each can be seen in the record alone, had anybody looked in time."


# --- 26.4: a ledger that loses nothing ---------------------------------------------


def check_safe_ledger(ledger_class):
    if not callable(ledger_class):
        raise Wrong("Hand in the class itself: SafeLedger, without brackets.")
    with tempfile.TemporaryDirectory() as folder:
        _one_run(ledger_class, Path(folder) / "one")
        _died(ledger_class, Path(folder) / "died")
        _died_while_writing(ledger_class, Path(folder) / "cut")
        _at_once(ledger_class, Path(folder) / "many")
    return (
        "No run is lost to a neighbour, and none to the death of its process. (Where "
        "the whole machine may lose its power, os.fsync has to follow each write.)"
    )


def _metrics(run):
    """Steps as numbers: JSON makes texts of a dictionary's keys."""
    return {int(step): dict(figures) for step, figures in run["metrics"].items()}


def _read(ledger, run_id):
    run = ledger.read(run_id)
    if not isinstance(run, dict) or not {"status", "params", "metrics"} <= set(run):
        raise Wrong('read(run_id) returns a dictionary: "status", "params", "metrics".')
    return run


def _one_run(ledger_class, folder):
    folder.mkdir()
    ledger = ledger_class(folder)
    for name in ("start", "log", "finish", "read"):
        if not callable(getattr(ledger, name, None)):
            raise Wrong(f"SafeLedger(folder) has no method {name}.")
    first, second = ledger.start(rate=0.02, seed=7), ledger.start(rate=0.02, seed=7)
    if first is None:
        raise Wrong("start(**params) has to return the id of the run.")
    if first == second:
        raise Wrong("Two runs with the same parameters have one id: they are two runs.")
    ledger.log(first, 1, loss=0.6)
    ledger.log(second, 1, loss=0.9)
    ledger.log(first, 2, loss=0.5, acc=0.7)
    ledger.finish(first)
    run = _read(ledger_class(folder), first)
    if run["params"] != {"rate": 0.02, "seed": 7}:
        raise Wrong(f"The parameters came back as {run['params']}.")
    want = {1: {"loss": 0.6}, 2: {"loss": 0.5, "acc": 0.7}}
    if _metrics(run) != want:
        raise Wrong(f"The figures came back as {run['metrics']}, not as {want}.")
    if run["status"] != "finished":
        raise Wrong(f"A finished run says {run['status']!r}.")


def _known(ledger_class, folder, run_id):
    """What another ledger reads of a run: its parameters and its figures."""
    try:
        run = _read(ledger_class(folder), run_id)
        return run["params"], _metrics(run)
    except Wrong:
        raise
    except Exception:
        return {}, {}


def _died(ledger_class, folder):
    folder.mkdir()
    ledger = ledger_class(folder)  # kept: a killed process writes nothing on its way
    run_id = ledger.start(seed=1)
    ledger.log(run_id, 1, loss=0.6)
    ledger.log(run_id, 2, loss=0.5)
    want = {"seed": 1}, {1: {"loss": 0.6}, 2: {"loss": 0.5}}
    if _known(ledger_class, folder, run_id) != want:
        raise Wrong(
            "A run whose process died after its second log cannot be read by another "
            "ledger: write on start and on every log, not only at the end, and let no "
            "file stay open with a part of it still unwritten."
        )
    if _read(ledger_class(folder), run_id)["status"] != "running":
        raise Wrong("A run that nobody finished has to say 'running'.")


def _died_while_writing(ledger_class, folder):
    """Cut off the end of what the last log wrote, as a death in its middle would."""
    folder.mkdir()
    ledger = ledger_class(folder)
    run_id = ledger.start(seed=1)
    ledger.log(run_id, 1, loss=0.6)
    before = _texts(folder)
    ledger.log(run_id, 2, loss=0.5)
    rewritten = False
    for file, new in _texts(folder).items():
        old = before.get(file)
        if old is None or old == new:
            continue  # a new file may have come by a rename, all of it at once
        kept = len(old) if new.startswith(old) else 0
        rewritten |= not kept
        path, _ = file
        path.write_bytes(new[: kept + (len(new) - kept) // 2])
    params, metrics = _known(ledger_class, folder, run_id)
    if params == {"seed": 1} and metrics.get(1) == {"loss": 0.6}:
        return
    if rewritten:
        raise Wrong(
            "The process died while it wrote the file anew, and the whole run is gone: "
            "write_text empties a file before it fills it. Append to the file, or "
            "write another one and rename it with os.replace."
        )
    raise Wrong(
        "The process died in the middle of its second log, and the first one cannot "
        "be read any more: leave out a last line whose end is missing."
    )


def _texts(folder):
    """The content of each text file, by its path and the file behind the name."""
    return {
        (path, path.stat().st_ino): content
        for path in folder.rglob("*")
        if path.is_file() and b"\0" not in (content := path.read_bytes())
    }


class _Seen(list):
    """What os.scandir saw, all of it at once; it may stand in a with block."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def close(self):
        return None


@contextlib.contextmanager
def _slow_looks():
    """Let a moment pass after each look into a folder, as a training would."""

    def slowly(look):
        def looked(*args, **options):
            try:
                seen = look(*args, **options)
                return _Seen(seen) if look.__name__ == "scandir" else seen
            finally:
                time.sleep(0.005)

        return looked

    with contextlib.ExitStack() as stack:
        for name in ("listdir", "scandir", "stat"):
            stack.enter_context(mock.patch.object(os, name, slowly(getattr(os, name))))
        yield


def _at_once(ledger_class, folder):
    folder.mkdir()
    together, ids, faults = threading.Barrier(2), [[], []], []

    def write(writer):
        try:
            ledger = ledger_class(folder)  # one each, as two processes would have
            together.wait()
            for i in range(10):
                run_id = ledger.start(writer=writer, i=i)
                ids[writer].append(run_id)
                ledger.log(run_id, 1, loss=float(i))
                ledger.finish(run_id)
        except Exception as error:
            faults.append(error)
            with contextlib.suppress(threading.BrokenBarrierError):
                together.abort()

    writers = [threading.Thread(target=write, args=(k,)) for k in (0, 1)]
    with _slow_looks():
        for one in writers:
            one.start()
        for one in writers:
            one.join()
    if faults:
        raise Wrong(f"With two writers at once one of them stopped: {faults[0]!r}")
    if set(ids[0]) & set(ids[1]) or len(set(ids[0] + ids[1])) < 20:
        raise Wrong(
            "Two writers at once were given the same id: do not count what is there; "
            "take an id that nobody else can have."
        )
    ledger = ledger_class(folder)
    for writer in (0, 1):
        for i, run_id in enumerate(ids[writer]):
            run = _read(ledger, run_id)
            if run["params"] != {"writer": writer, "i": i} or _metrics(run) != {
                1: {"loss": float(i)}
            }:
                raise Wrong("Of two writers at once, one wrote over the other's run.")


_SAFE = """
class SafeLedger:
    def __init__(self, folder):
        self.folder = Path(folder)

    def _append(self, run_id, **entry):
        with open(self.folder / f"{run_id}.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\\n")

    def start(self, **params):
        run_id = uuid.uuid4().hex
        self._append(run_id, params=params)
        return run_id

    def log(self, run_id, step, **metrics):
        self._append(run_id, step=step, metrics=metrics)

    def finish(self, run_id):
        self._append(run_id, finished=True)

    def read(self, run_id):
        text = (self.folder / f"{run_id}.jsonl").read_text()
        whole = text[:text.rfind("\\n") + 1]  # a line without its end was cut
        first, *rest = map(json.loads, whole.splitlines())
        metrics = {one["step"]: one["metrics"] for one in rest if "step" in one}
        done = any("finished" in one for one in rest)
        return {"status": "finished" if done else "running",
                "params": first["params"], "metrics": metrics}
"""
_REPLACING = """
class SafeLedger:
    def __init__(self, folder):
        self.folder = Path(folder)

    def _write(self, run_id, run):
        path = self.folder / f"{run_id}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(run))
        os.replace(part, path)

    def start(self, **params):
        run_id = uuid.uuid4().hex
        self._write(run_id, {"status": "running", "params": params, "metrics": {}})
        return run_id

    def log(self, run_id, step, **metrics):
        run = self.read(run_id)
        run["metrics"][step] = metrics
        self._write(run_id, run)

    def finish(self, run_id):
        self._write(run_id, self.read(run_id) | {"status": "finished"})

    def read(self, run_id):
        return json.loads((self.folder / f"{run_id}.json").read_text())
"""
_DATABASE = """
import contextlib
import sqlite3


class SafeLedger:
    def __init__(self, folder):
        self.path = Path(folder) / "runs.db"
        self._ask("CREATE TABLE IF NOT EXISTS lines (run TEXT, entry TEXT)")

    def _ask(self, command, *values):
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as database:
            with database:
                return database.execute(command, values).fetchall()

    def _append(self, run_id, **entry):
        self._ask("INSERT INTO lines VALUES (?, ?)", run_id, json.dumps(entry))

    def start(self, **params):
        run_id = uuid.uuid4().hex
        self._append(run_id, params=params)
        return run_id

    def log(self, run_id, step, **metrics):
        self._append(run_id, metrics={step: metrics})

    def finish(self, run_id):
        self._append(run_id, status="finished")

    def read(self, run_id):
        run = {"status": "running", "metrics": {}}
        for (text,) in self._ask("SELECT entry FROM lines WHERE run = ?", run_id):
            entry = json.loads(text)
            run["metrics"] |= entry.pop("metrics", {})
            run |= entry
        return run
"""
_LOG_WHOLE = """
def log_whole(mlflow, settings, data_sha256, epochs):
    with mlflow.start_run() as run:
        mlflow.log_params(settings)
        mlflow.set_tag("data_sha256", data_sha256)
        for epoch, figures in epochs:
            mlflow.log_metrics(figures, step=epoch)
    return run.info.run_id
"""


def _instead(solution, *pairs):
    """The solution with a mistake in it."""
    for old, new in pairs:
        assert old in solution, old
        solution = solution.replace(old, new)
    return solution


EXERCISES = [
    Exercise(
        id="26.r1",
        title="Recall: a word of the validation reviews",
        name="unseen_word",
        check=choice(
            "b",
            "The vocabulary is learnt, like a weight: from the training reviews alone.",
            {
                "a": "Then it would have a row of its own; who would have trained it?",
                "c": "Its place in the text is kept, under a number of its own.",
            },
        ),
        hints=(
            "From which reviews does the tokeniser take its vocabulary?",
            "0 is padding, 2 starts a text. What is 1 for?",
        ),
        solution='unseen_word = "b"',
        wrong=(
            WrongAnswer('unseen_word = "a"', "a row of its own"),
            WrongAnswer('unseen_word = "c"', "Its place in the text is kept"),
            WrongAnswer('unseen_word = "d"', "Answer with one of"),
        ),
    ),
    Exercise(
        id="26.r2",
        title="Recall: four epochs of eight",
        name="after_four_epochs",
        check=choice(
            "c",
            "So the number of epochs is a setting of every step, not only of the last.",
            {
                "a": "What is the learning rate of both in epoch 3?",
                "b": "The rates differ from the second step on, not in the last digit.",
            },
        ),
        hints=(
            "Draw both cosines: where does each reach zero?",
            "In the middle of eight epochs the rate is half of the first; after four "
            "of four it is zero.",
        ),
        solution='after_four_epochs = "c"',
        wrong=(
            WrongAnswer('after_four_epochs = "a"', "in epoch 3"),
            WrongAnswer('after_four_epochs = "b"', "not in the last digit"),
        ),
    ),
    Exercise(
        id="26.r3",
        title="Recall: three seeds",
        name="three_seeds",
        check=choice(
            "a",
            "The mean is 0.3 with a standard error of about 0.4: zero is well inside.",
            {
                "b": "One of three seeds says the opposite; how large is the standard "
                "error of the mean difference?",
                "c": "Not to have found a difference is not to have found that there "
                "is none.",
            },
        ),
        hints=(
            "What is the standard deviation of the three differences?",
            "Divide it by the root of three, and compare with the mean.",
        ),
        solution='three_seeds = "a"',
        wrong=(
            WrongAnswer('three_seeds = "b"', "says the opposite"),
            WrongAnswer('three_seeds = "c"', "that there is none"),
        ),
    ),
    Exercise(
        id="26.1",
        title="Whose digest notices?",
        name="whose_digest_changes",
        check=check_digests,
        hints=(
            "How many reviews do 10,000 numbers hold, at 40 a review?",
            "Each array is read by itself: the reviews, and then the 12,000 labels.",
            "A review fewer is another shape.",
        ),
        solution="whose_digest_changes = " + json.dumps(_DIGESTS, indent=4),
        wrong=tuple(
            WrongAnswer(
                "whose_digest_changes = " + json.dumps(_DIGESTS | {change: said}),
                reason,
            )
            for change, said, reason in (
                ("review 200: a word replaced", "ours", "199 × 40"),
                ("last review: a word replaced", "both", "11,999 × 40"),
                ("last review: its label flipped", "both", "array of their own"),
                ("last review removed", "ours", "shape goes into"),
                ("last two reviews change places", "both", "is either of them"),
                ("last two reviews change places", "neither", "in their order"),
                ("nothing", "both", "equal content is equal"),
                ("nothing", "none", "is none of"),
            )
        )
        + (WrongAnswer('whose_digest_changes = "both"', "dictionary of the cell"),),
    ),
    Exercise(
        id="26.2",
        title="Log a run whole",
        name="log_whole",
        check=check_log_whole,
        hints=(
            "with mlflow.start_run() as run: opens a run and closes it; its id is "
            "run.info.run_id.",
            "Inside: log_params, set_tag, and then a loop over epochs.",
            "for epoch, figures in epochs: mlflow.log_metrics(figures, step=epoch)",
        ),
        solution=_LOG_WHOLE,
        right=(
            "def log_whole(mlflow, settings, data_sha256, epochs):\n"
            "    run = mlflow.start_run(tags={'data_sha256': data_sha256})\n"
            "    try:\n"
            "        for name, value in settings.items():\n"
            "            mlflow.log_param(name, value)\n"
            "        for epoch, figures in epochs:\n"
            "            for name, value in figures.items():\n"
            "                mlflow.log_metric(name, value, epoch)\n"
            "    except BaseException:\n"
            "        mlflow.end_run('FAILED')\n"
            "        raise\n"
            "    mlflow.end_run()\n"
            "    return run.info.run_id",
        ),
        wrong=(
            WrongAnswer(_instead(_LOG_WHOLE, (", step=epoch", "")), "step 0"),
            WrongAnswer(
                _instead(_LOG_WHOLE, ("in epochs", "in list(epochs)")),
                "log each epoch as it comes",
            ),
            WrongAnswer(
                _instead(_LOG_WHOLE, ("        mlflow.log_params(settings)\n", "")),
                "parameters are not in the store",
            ),
            WrongAnswer(
                _instead(_LOG_WHOLE, ('"data_sha256", data', '"data", data')),
                "hash of the data is missing",
            ),
            WrongAnswer(
                _instead(_LOG_WHOLE, ("return run.info.run_id", "return run")),
                "Return the run's id",
            ),
            WrongAnswer(
                _instead(
                    _LOG_WHOLE,
                    (
                        "with mlflow.start_run() as run",
                        "for run in [mlflow.start_run()]",
                    ),
                ),
                "still says RUNNING",
            ),
            WrongAnswer(
                _instead(
                    _LOG_WHOLE,
                    ("        for epoch", "    if True:\n        for epoch"),
                ),
                "no run is active",
            ),
            WrongAnswer(
                "def log_whole(mlflow, settings, data_sha256, epochs):\n"
                "    with mlflow.start_run() as run:\n"
                "        mlflow.log_params(settings)\n"
                "        for epoch, figures in epochs:\n"
                "            mlflow.log_metrics(figures, step=epoch)\n"
                "        mlflow.set_tag('data_sha256', data_sha256)\n"
                "    return run.info.run_id",
                "what went into it",
            ),
            WrongAnswer(
                "def log_whole(mlflow, settings, data_sha256, epochs):\n"
                "    with mlflow.start_run() as run:\n"
                "        mlflow.log_params(settings)\n"
                "        mlflow.set_tag('data_sha256', data_sha256)\n"
                "        try:\n"
                "            for epoch, figures in epochs:\n"
                "                mlflow.log_metrics(figures, step=epoch)\n"
                "        except Exception:\n"
                "            pass\n"
                "    return run.info.run_id",
                "never heard of it",
            ),
            WrongAnswer(
                "def log_whole(mlflow, settings, data_sha256, epochs):\n"
                "    run = mlflow.start_run()\n"
                "    mlflow.log_params(settings)\n"
                "    mlflow.set_tag('data_sha256', data_sha256)\n"
                "    try:\n"
                "        for epoch, figures in epochs:\n"
                "            mlflow.log_metrics(figures, step=epoch)\n"
                "    finally:\n"
                "        mlflow.end_run()\n"
                "    return run.info.run_id",
                "its run says FINISHED",
            ),
        ),
    ),
    Exercise(
        id="26.3",
        title="Four runs that cannot be made again",
        name="causes",
        check=check_causes,
        hints=(
            "Go through a column from top to bottom, and ask what is missing or odd.",
            "Each step of a loss is one epoch.",
            "A diff of what was changed since the commit would be an artefact.",
        ),
        solution="causes = " + json.dumps(_CAUSES, indent=4),
        wrong=tuple(
            WrongAnswer("causes = " + json.dumps(_CAUSES | change), reason)
            for change, reason in (
                ({"A": "data changed", "B": "settings changed after logging"}, "at A"),
                ({"B": "code not committed", "C": "data changed"}, "at B"),
                ({"C": "seed not logged", "D": "code not committed"}, "at C"),
                ({"D": "data changed"}, "at D"),
                ({"D": "bad luck"}, "is not one of the causes"),
            )
        )
        + (WrongAnswer('causes = "A"', "has the keys"),),
    ),
    Exercise(
        id="26.4",
        title="A ledger that loses nothing",
        name="SafeLedger",
        check=check_safe_ledger,
        hints=(
            "Which id can nobody else have? uuid.uuid4().hex is such a one.",
            "One file for each run; who appends a line at each call never has to "
            'rewrite what is there: open(path, "a").',
            "The first line holds the parameters, each further one a step; the last "
            "one says that the run is finished.",
            "A writer that dies in the middle of a line leaves it without its end: "
            "what does your read make of that line?",
        ),
        solution=_SAFE,
        right=(_REPLACING, _DATABASE),
        wrong=(
            WrongAnswer(
                _instead(
                    _SAFE,
                    ("uuid.uuid4().hex", 'str(len(list(self.folder.glob("*"))) + 1)'),
                ),
                "given the same id",
            ),
            WrongAnswer(
                _instead(_SAFE, ("uuid.uuid4().hex", "json.dumps(params)")),
                "they are two runs",
            ),
            WrongAnswer(
                _instead(_SAFE, ("        return run_id\n", "")), "return the id"
            ),
            WrongAnswer(
                _instead(_SAFE, ("finished=True", "done=True")), "A finished run says"
            ),
            WrongAnswer(
                _instead(_SAFE, ('else "running"', 'else "unknown"')),
                "that nobody finished",
            ),
            WrongAnswer(
                _instead(
                    _SAFE, ('text[:text.rfind("\\n") + 1]  # a line without', "text  #")
                ),
                "whose end is missing",
            ),
            WrongAnswer(
                _instead(
                    _REPLACING,
                    ("part.write_text", "path.write_text"),
                    ("        os.replace(part, path)\n", ""),
                ),
                "write_text empties a file",
            ),
            WrongAnswer(
                _instead(
                    _SAFE,
                    ("Path(folder)\n", "Path(folder)\n        self.files = {}\n"),
                    ("with open(", "file = self.files.get(run_id) or open("),
                    ('"a") as file:', '"a")'),
                    ("    file.write", "self.files[run_id] = file\n        file.write"),
                    ("finished=True)", "finished=True), self.files[run_id].close()"),
                ),
                "write on start and on every log",
            ),
            WrongAnswer(
                "class SafeLedger:\n"
                "    runs = {}\n"
                "    def __init__(self, folder):\n"
                "        self.mine = {}\n"
                "    def start(self, **params):\n"
                "        run_id = uuid.uuid4().hex\n"
                "        self.mine[run_id] = {'status': 'running', 'params': params,\n"
                "                             'metrics': {}}\n"
                "        self.runs[run_id] = {'status': 'running', 'params': {},\n"
                "                             'metrics': {}}\n"
                "        return run_id\n"
                "    def log(self, run_id, step, **metrics):\n"
                "        self.mine[run_id]['metrics'][step] = metrics\n"
                "    def finish(self, run_id):\n"
                "        self.mine[run_id]['status'] = 'finished'\n"
                "        self.runs[run_id] = self.mine[run_id]\n"
                "    def read(self, run_id):\n"
                "        return self.runs[run_id]",
                "write on start and on every log",
            ),
            WrongAnswer(
                "class SafeLedger:\n"
                "    def __init__(self, folder): pass\n"
                "    def start(self, **params): pass",
                "no method log",
            ),
            WrongAnswer("SafeLedger = 'a class'", "Hand in the class"),
        ),
    ),
]
