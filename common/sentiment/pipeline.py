"""The training pipeline: six stages with one job each, restartable at any moment.

    python -m common.sentiment.pipeline --config common/sentiment/sentiment.toml

    ingest → validate → featurise → train → evaluate → export

Each stage reads the results of earlier ones and writes its own into a folder of the
run folder. Beside them stands stage.json: what they were made from (settings, inputs,
code, software, each as a hash) and the hash of every file. A stage whose account
still holds is skipped; else it runs, and says why. A folder gets its name by a rename
when all of it is written, so that a kill leaves a stage done or not begun; training
goes on from its last whole epoch.

Exit status: 0 done; 1 the run stopped, or could not begin, and said why in a sentence;
2 an option is unknown or the settings cannot be used; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import errno
import functools
import hashlib
import inspect
import json
import os
import platform
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from common import course_home
from common.sentiment import data
from common.sentiment.bundle import BundleError
from common.sentiment.config import Config, ConfigError
from common.sentiment.data import ValidationError
from common.sentiment.features import FeatureError, Tokenizer

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

if TYPE_CHECKING:
    from common.datasets.dataset import Dataset

SETTINGS = Path(__file__).with_name("sentiment.toml")
"""The settings that the course ships."""

SERVED = Path("export", "served")
"""Where in a run folder the model lies that a server loads."""

_ACCOUNT = "stage.json"
_MANIFEST = "manifest.json"
_LOCK = "pipeline.lock"
_CHECKPOINTS = "checkpoints"
_ASIDE = (".part-", ".old-")
_FORMAT = "forty-days run 1"


class PipelineError(RuntimeError):
    """A run that cannot begin or must not go on; says why in a sentence."""


@dataclass(frozen=True)
class Work:
    """What a stage is given, and nothing else: so that nothing undeclared counts.

    Attributes:
        settings: the sections that the stage declares, by name.
        inputs: the folders of the stages that it needs, by name.
        target: an empty folder for its results.
        fingerprint: stands for all that the results depend on.
        checkpoints: a folder that outlives a kill.
        dataset: for ingest alone.
        say: prints one line of progress.
    """

    settings: Mapping[str, Any]
    inputs: Mapping[str, Path]
    target: Path
    fingerprint: str
    checkpoints: Path
    dataset: Dataset | None
    say: Callable[[str], None]


class Stage(NamedTuple):
    """One component: what it is for, what it depends on, and the function."""

    name: str
    purpose: str
    needs: tuple[str, ...]
    """Earlier stages whose results it reads."""
    settings: tuple[str, ...]
    """Sections of the settings that it reads."""
    code: tuple[str, ...]
    """Modules of this package that its function uses."""
    software: tuple[str, ...]
    """Packages whose version counts; "backend" is the one that Keras runs on."""
    work: Callable[[Work], str]
    """Writes the results and returns a sentence on them."""


# --- The stages ----------------------------------------------------------------------


def ingest(work: Work) -> str:
    """Write the reviews that may be learnt from, one JSON line each."""
    corpus = data.ingest(work.dataset)
    data.write(work.target, corpus)
    sizes = " + ".join(f"{size:,}" for size in corpus.sizes.values())
    return f"{sizes} reviews, {corpus.num_dropped:,} dropped"


def validate(work: Work) -> str:
    """Stop the run when something is wrong with the corpus that ingest left."""
    checks = data.validate(data.read(work.inputs["ingest"]))
    data.stop_on_problems(checks)
    found = {check.name: check.sentence for check in checks}
    _write_json(work.target / "checks.json", found)
    return f"{len(checks)} checks passed"


def featurise(work: Work) -> str:
    """Fit the tokeniser on the training texts; turn all texts into numbers."""
    settings = work.settings["features"]
    corpus = data.read(work.inputs["ingest"])
    tokenizer = Tokenizer.fit(
        corpus.train.texts,
        vocabulary_size=settings.vocabulary_size,
        max_tokens=settings.max_tokens,
        bigram_buckets=settings.bigram_buckets,
    )
    tokenizer.save(work.target / "tokenizer.json")
    for name in data.SPLITS:
        split = getattr(corpus, name)
        np.save(work.target / f"x_{name}.npy", tokenizer.batch(split.texts))
        np.save(work.target / f"y_{name}.npy", split.labels)
    return f"{len(tokenizer.words):,} words, {tokenizer.size:,} numbers"


def train(work: Work) -> str:
    """Train the network, from its last whole epoch where there is one."""
    _start_keras()
    from common.sentiment import training

    settings, features = work.settings["training"], work.inputs["featurise"]

    def report(entry: dict) -> None:
        work.say(
            f"epoch {entry['epoch']}/{settings.epochs}   loss {entry['loss']:.4f}   "
            f"accuracy {entry['accuracy']:.3f}   "
            f"validation {entry['valid_accuracy']:.3f}"
        )

    trained = training.train(
        work.settings["model"],
        settings,
        Tokenizer.load(features / "tokenizer.json").size,
        *read_split(features, "train"),
        validation=read_split(features, "valid"),
        checkpoints=work.checkpoints,
        key=work.fingerprint,
        report=report,
    )
    np.savez(work.target / "weights.npz", *trained.model.get_weights())
    account = {
        "weights_sha256": training.weights_digest(trained.model),
        "history": trained.history,
    }
    _write_json(work.target / "training.json", account)
    resumed = f", {trained.resumed_at} of them before a restart"
    epochs = f"{settings.epochs} epoch{'s' if settings.epochs > 1 else ''}"
    return f"{epochs}{resumed if trained.resumed_at else ''}"


def evaluate(work: Work) -> str:
    """Fit the temperature on validation, take the threshold from the costs, measure."""
    model = trained_model(work)
    from common.sentiment import evaluation

    features = work.inputs["featurise"]
    corpus = data.read(work.inputs["ingest"])
    logits, found = {}, {}
    for name in ("valid", "test"):
        x, _ = read_split(features, name)
        logits[name] = evaluation.logits(model, x)
        np.save(work.target / f"logits_{name}.npy", logits[name])
    temperature = evaluation.fit_temperature(logits["valid"], corpus.valid.labels)
    threshold = evaluation.shipped_threshold(work.settings["evaluation"])
    for name, z in logits.items():
        texts, labels = getattr(corpus, name)
        p = evaluation.sigmoid(z / temperature)
        found[name] = evaluation.evaluate(texts, labels, p, threshold)
    account = {"temperature": temperature, "threshold": threshold, **found}
    _write_json(work.target / "evaluation.json", account)
    return f"validation accuracy {found['valid']['accuracy']:.1%}"


def export(work: Work) -> str:
    """Write the model that a server loads, unless it is not good enough."""
    account = _read_json(work.inputs["evaluate"] / "evaluation.json")
    least = work.settings["evaluation"].minimum_accuracy
    if account["valid"]["accuracy"] < least:
        raise PipelineError(
            f"The model is not exported: its validation accuracy is "
            f"{account['valid']['accuracy']:.1%}, and [evaluation] minimum_accuracy "
            f"asks for {least:.1%}."
        )
    model = trained_model(work)
    from common.sentiment import export as exporting

    corpus = _read_json(work.inputs["ingest"] / "corpus.json")
    kept, served = work.target / "model", work.target / SERVED.name
    kept.mkdir()
    exporting.save_keras(
        kept,
        model,
        Tokenizer.load(work.inputs["featurise"] / "tokenizer.json"),
        kind=work.settings["model"].kind,
        temperature=account["temperature"],
        threshold=account["threshold"],
        metrics=headline(account),
        data={key: corpus[key] for key in ("title", "source", "sha256", "dropped")},
        config={
            name: one.model_dump(mode="json") for name, one in work.settings.items()
        },
        code_sha256=code_sha256(),
    )
    exporting.export(kept, served)
    size = sum(path.stat().st_size for path in served.iterdir())
    return f"{size / 2**20:.1f} MiB to serve, equal to the trained model"


def headline(account: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of evaluation.json that stand in a model's manifest."""
    names = ("accuracy", "cross_entropy", "expected_calibration_error")
    return {
        f"{s}_{name}": account[s][name] for s in ("valid", "test") for name in names
    }


def trained_model(work: Work) -> Any:
    """Build the network of the settings, with the weights that train wrote."""
    _start_keras()
    from common.sentiment.model import build_model

    size = Tokenizer.load(work.inputs["featurise"] / "tokenizer.json").size
    model = build_model(work.settings["model"], size)
    with np.load(work.inputs["train"] / "weights.npz") as weights:
        model.set_weights([weights[name] for name in weights.files])
    return model


def read_split(features: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read what featurise wrote of a split: x (n, length) int32, y (n,) int64."""
    return np.load(features / f"x_{name}.npy"), np.load(features / f"y_{name}.npy")


STAGES = (
    Stage(
        name="ingest",
        purpose="takes the reviews in, without copies and leaks",
        needs=(),
        settings=("data",),
        code=("data", "features"),
        software=("python",),  # whose Unicode tables decide what a word is
        work=ingest,
    ),
    Stage(
        name="validate",
        purpose="stops the run when the data are not fit to learn from",
        needs=("ingest",),
        settings=(),
        code=("data", "features"),
        software=("python",),
        work=validate,
    ),
    Stage(
        name="featurise",
        purpose="fits the tokeniser and turns texts into numbers",
        needs=("ingest", "validate"),
        settings=("features",),
        code=("data", "features"),
        software=("python", "numpy"),
        work=featurise,
    ),
    Stage(
        name="train",
        purpose="trains the network, epoch by epoch",
        needs=("featurise",),
        settings=("model", "training"),
        code=("features", "model", "training"),
        software=("python", "numpy", "keras", "backend"),
        work=train,
    ),
    Stage(
        name="evaluate",
        purpose="fits the temperature, takes the threshold from the costs, measures",
        needs=("ingest", "featurise", "train"),
        settings=("model", "evaluation"),
        code=("data", "evaluation", "features", "model"),
        software=("python", "numpy", "scipy", "keras", "backend"),
        work=evaluate,
    ),
    Stage(
        name="export",
        purpose="writes the folder that a server loads",
        needs=("ingest", "featurise", "train", "evaluate"),
        settings=tuple(Config.model_fields),  # all stand in the model's manifest
        code=("bundle", "evaluation", "export", "features", "model", "predictor"),
        software=("python", "numpy", "keras", "backend", "tf2onnx", "onnxruntime"),
        work=export,
    ),
)
"""In the order in which they run."""


# --- A run ---------------------------------------------------------------------------


def run(
    config: Config,
    folder: str | Path,
    *,
    dataset: Dataset | None = None,
    force: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> dict:
    """Bring a run folder up to date: run the stages that have to, skip the others.

    Args:
        config: all settings.
        folder: for the results; a new one, an empty one, or one of an earlier run.
        dataset: reviews as text; without it `datasets.imdb` is asked.
        force: names of stages that run again even if nothing changed.
        say: called with each line of progress.

    Returns:
        The manifest, which also stands in manifest.json of the folder.

    Raises:
        PipelineError: the folder is another program's, another run is at work in
            it, a stage does not exist, or the model is not good enough to export.
        ValidationError: the data must not be trained on.
        FeatureError: the training texts hold no word.
        BundleError: the exported model is not the trained one.
    """
    folder = Path(folder).absolute()
    if unknown := [name for name in force if name not in _NAMES]:
        raise PipelineError(
            f"There is no stage {unknown[0]!r}: choose among {', '.join(_NAMES)}."
        )
    with _locked(folder):
        return _run(config, folder, dataset, force, say)


_NAMES = tuple(stage.name for stage in STAGES)


def _run(
    config: Config,
    folder: Path,
    dataset: Dataset | None,
    force: Sequence[str],
    say: Callable[[str], None],
) -> dict:
    started = datetime.now(UTC)
    for left in folder.glob(".*"):  # by a run that was killed
        if left.name.startswith(_ASIDE):
            shutil.rmtree(left, ignore_errors=True)
    dataset = _loaded(config, dataset)
    accounts: dict[str, dict] = {}
    ran: dict[str, str] = {}
    for stage in STAGES:
        made_from = _made_from(stage, config, dataset, accounts)
        account, reason = _standing(folder / stage.name, made_from)
        if stage.name in force:
            reason = "asked for"
            if stage.name == "train":
                shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
        if reason:
            # Until the last stage is done, the folder holds no finished run
            (folder / _MANIFEST).unlink(missing_ok=True)
            say(f"{stage.name:<10} runs ({reason})")
            account = _carry_out(stage, config, folder, made_from, dataset, say)
            ran[stage.name] = reason
            say(f"{'':<10} {account['sentence']}, {account['seconds']:.1f} s")
        else:
            say(f"{stage.name:<10} unchanged: {account['sentence']}")
        accounts[stage.name] = account
    manifest = _manifest(config, folder, accounts, ran, started)
    if not ran:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = _read_json(folder / _MANIFEST)
            own = dict.fromkeys(("started", "finished", "stages"))
            if manifest | own == kept | own:
                return kept
    _write_json(folder / ".part-manifest.json", manifest)
    os.replace(folder / ".part-manifest.json", folder / _MANIFEST)
    return manifest


def plan(
    config: Config, folder: str | Path, *, dataset: Dataset | None = None
) -> dict[str, str]:
    """Say what `run` would do, without doing it.

    Returns:
        For each stage why it would run, or "" if it would be skipped. Behind a stage
        that runs stands "if the result of … changes": that is known only then.

    Raises:
        ValidationError: texts or labels have the wrong form.
    """
    dataset = _loaded(config, dataset)
    accounts: dict[str, dict] = {}
    reasons: dict[str, str] = {}
    for stage in STAGES:
        before = [name for name in stage.needs if reasons[name]]
        made_from = _made_from(stage, config, dataset, accounts)
        for name in before:  # to be made anew, nobody knows to what
            del made_from["input"][name]
        account, reason = _standing(Path(folder) / stage.name, made_from)
        if not reason and before:
            reason = f"if the result of {' or '.join(before)} changes"
        reasons[stage.name] = reason
        accounts[stage.name] = {"outputs": {}} | account
    return reasons


def _loaded(config: Config, dataset: Dataset | None) -> Dataset:
    if dataset is None:
        from common import datasets

        dataset = datasets.imdb(form="text", limit=config.data.limit)
    data.require_schema(dataset)
    return dataset


def _carry_out(
    stage: Stage,
    config: Config,
    folder: Path,
    made_from: dict,
    dataset: Dataset,
    say: Callable[[str], None],
) -> dict:
    """Run a stage in a folder aside, and give that its name when it is whole."""
    part, target = folder / f".part-{stage.name}", folder / stage.name
    part.mkdir()
    clock = time.perf_counter()
    sentence = stage.work(
        Work(
            settings={name: getattr(config, name) for name in stage.settings},
            inputs={name: folder / name for name in stage.needs},
            target=part,
            fingerprint=_digest(made_from),
            checkpoints=folder / _CHECKPOINTS,
            dataset=dataset if not stage.needs else None,
            say=lambda line: say(f"{'':<10} {line}"),
        )
    )
    account = {
        "stage": stage.name,
        "made_from": made_from,
        "outputs": _hashes(part),
        "sentence": sentence,
        "seconds": round(time.perf_counter() - clock, 3),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    _write_json(part / _ACCOUNT, account)
    if target.exists():
        old = folder / f".old-{stage.name}"
        os.replace(target, old)
        os.replace(part, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(part, target)
    if stage.name == "train":
        shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
    return account


def _made_from(
    stage: Stage, config: Config, dataset: Dataset, accounts: Mapping[str, dict]
) -> dict[str, dict[str, str]]:
    """Everything that a stage's results depend on, part by part."""
    made_from = {
        "settings": {
            name: _digest(getattr(config, name).model_dump(mode="json"))
            for name in stage.settings
        },
        "input": {name: _digest(accounts[name]["outputs"]) for name in stage.needs},
        "code": {stage.name: _code_sha256(stage)},
        "software": {name: _version(name) for name in stage.software},
    }
    if not stage.needs:
        content = data.content_sha256(getattr(dataset, name) for name in data.SPLITS)
        made_from["data"] = {"content": content, "title": dataset.title}
    return made_from


def _standing(folder: Path, made_from: dict) -> tuple[dict, str]:
    """A stage's account, and why it has to run again: "" if it need not."""
    try:
        account = json.loads((folder / _ACCOUNT).read_text(encoding="utf-8"))
        outputs = dict(account["outputs"])
        before = {kind: dict(parts) for kind, parts in account["made_from"].items()}
        float(account["seconds"]), str(account["sentence"])
    except FileNotFoundError:
        return {}, "not done yet"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, f"its {_ACCOUNT} cannot be read"
    changed = [
        f"{kind} {name} changed" if kind in ("settings", "input") else f"{kind} changed"
        for kind, parts in made_from.items()
        for name, digest in parts.items()
        if before.get(kind, {}).get(name) != digest
    ]
    if changed:
        return account, ", ".join(dict.fromkeys(changed))
    found = _hashes(folder)
    for name in sorted(outputs.keys() | found.keys()):
        if name not in found:
            return account, f"its {name} is gone"
        if name not in outputs:
            return account, f"{name} is not its own"
        if found[name] != outputs[name]:
            return account, f"its {name} is not as it was written"
    return account, ""


def _manifest(
    config: Config,
    folder: Path,
    accounts: Mapping[str, dict],
    ran: Mapping[str, str],
    started: datetime,
) -> dict:
    """What a finished run says about itself; no path and no name of a machine."""
    corpus = _read_json(folder / "ingest" / "corpus.json")
    evaluation = _read_json(folder / "evaluate" / "evaluation.json")
    training = _read_json(folder / "train" / "training.json")
    return {
        "format": _FORMAT,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {key: value for key, value in corpus.items() if key != "format"},
        "config": config.model_dump(mode="json"),
        "config_sha256": config.digest,
        "code_sha256": code_sha256(),
        "versions": {
            name: _version(name) for stage in STAGES for name in stage.software
        },
        "weights_sha256": training["weights_sha256"],
        "temperature": evaluation["temperature"],
        "threshold": evaluation["threshold"],
        "metrics": headline(evaluation),
        "served_sha256": _digest(
            {
                name: sha256
                for name, sha256 in accounts["export"]["outputs"].items()
                if name.startswith(f"{SERVED.name}/")
            }
        ),
        "stages": {
            name: {
                "ran": ran.get(name, ""),
                "sentence": account["sentence"],
                "seconds": account["seconds"],
                "outputs_sha256": _digest(account["outputs"]),
            }
            for name, account in accounts.items()
        },
    }


# --- What a stage depends on ---------------------------------------------------------


def code_sha256() -> str:
    """The hash of the code of all stages."""
    return _digest([_code_sha256(stage) for stage in STAGES])


@functools.cache
def _code_sha256(stage: Stage) -> str:
    """The hash of the stage's function and of the modules that it declares.

    Taken once a process: the code that runs counts, not what is saved meanwhile.
    Layout, comments and docstrings do not count: a better comment trains nothing.
    """
    here = Path(__file__).parent
    trees = list(_with_helpers(stage.work).values())
    trees += [
        ast.parse((here / f"{name}.py").read_text(encoding="utf-8"))
        for name in stage.code
    ]
    digest = hashlib.sha256()
    for tree in trees:
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [one for one in body if not _is_text(one)]
        digest.update(ast.dump(tree).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _with_helpers(function: Callable) -> dict[str, ast.Module]:
    """The source of a function, and of those of this module that it calls, by name."""
    found: dict[str, ast.Module] = {}
    waiting = [function]
    while waiting:
        one = waiting.pop()
        if one.__name__ in found:
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        found[one.__name__] = tree
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        known = [globals().get(name) for name in sorted(named)]
        waiting += [
            other
            for other in known
            if inspect.isfunction(other) and other.__module__ == __name__
        ]
    return dict(sorted(found.items()))


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string that stands for itself, as docstrings do."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    if name == "backend":
        # In the smoke budget it leaves its graphs as they are, see common/quiet.py:
        # the last bits of what it computes may differ.
        smoke = os.environ.get("COURSE_BUDGET", "").strip() == "smoke"
        name, graphs = _backend(), ", graphs not optimised" if smoke else ""
        return f"{name} {_installed(name)}{graphs}"
    return _installed(name)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _backend() -> str:
    """The backend that Keras has, or will have: without importing it.

    A run in which nothing changed needs no Keras, and ends seconds earlier.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    if asked := os.environ.get("KERAS_BACKEND"):
        return asked
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        settings = json.loads(Path(home, "keras.json").read_text(encoding="utf-8"))
        return str(settings.get("backend") or "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def _start_keras() -> None:
    from common import quiet

    try:
        quiet.start()
    except (ImportError, ValueError) as reason:  # a backend or budget not there
        raise PipelineError(f"Keras cannot start: {_in_a_line(reason)}.") from None
    with quiet.native_stderr_closed(), contextlib.suppress(ImportError):
        # Keras' fit asks for it on every backend; here it comes without its notices
        import tensorflow  # noqa: F401


def _in_a_line(error: Exception) -> str:
    """What an error says, without the traceback that TensorFlow's carries as text."""
    lines = [
        line.rstrip(" .")
        for line in str(error).splitlines()
        if line.strip() and not line.startswith((" ", "Traceback"))
    ]
    return lines[0] if lines else type(error).__name__


def _hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a stage's folder, without its account."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != _ACCOUNT:
            with open(path, "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="ascii"))


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=True) + "\n"
    path.write_text(text, encoding="ascii", newline="\n")


# --- One run at a time ---------------------------------------------------------------


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a run folder; the system lets go of it when the process ends, however.

    Where the file system has no locks (some network drives) this is no hindrance.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [path.name for path in folder.iterdir()]
        if others and _LOCK not in others:
            # Stage folders are replaced: somebody else's "train" must not be
            raise PipelineError(
                f"The folder {folder.name} holds other files, {sorted(others)[0]} for "
                "one: name a new or an empty folder, or one of an earlier run."
            )
        file = open(folder / _LOCK, "a+")  # noqa: SIM115
    except OSError as error:
        raise PipelineError(
            f"The folder {folder.name} cannot be used ({error.strerror}): name one "
            "that you may write to."
        ) from None
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise PipelineError(
                    f"Another run is at work in the folder {folder.name}: wait until "
                    "it ends, or name another folder."
                ) from None
        yield


# --- The command line ----------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m common.sentiment.pipeline",
        description="Bring a sentiment model up to date with its data, its settings "
        "and its code. What did not change is not done again.",
    )
    parser.add_argument(
        "--config", type=Path, default=SETTINGS, help="settings, a TOML file"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="for the results (default: your own folder of the course)",
    )
    parser.add_argument(
        "--force",
        metavar="STAGE",
        action="append",
        default=[],
        help="run this stage even if nothing changed; may be given several times",
    )
    parser.add_argument(
        "--plan", action="store_true", help="say which stages would run, and why"
    )
    asked = parser.parse_args(arguments)
    folder = asked.folder or course_home() / "sentiment-run"
    clock = time.perf_counter()

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        config = Config.load(asked.config)
        if asked.plan:
            say(in_words(plan(config, folder)))
            return 0
        manifest = run(config, folder, force=asked.force, say=say)
    except ConfigError as reason:
        print(f"Not started. {reason}", file=sys.stderr)
        return 2
    except (PipelineError, ValidationError, FeatureError, BundleError) as reason:
        print(f"Stopped. {reason}", file=sys.stderr)
        return 1
    except OSError as error:
        what = f"{Path(error.filename).name}: " if error.filename else ""
        print(f"Stopped. {what}{error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    say("")
    say(summary(manifest, folder, time.perf_counter() - clock))
    return 0


def in_words(planned: Mapping[str, str]) -> str:
    """One line a stage: what it is for, and what `plan` says of it."""
    lines = []
    for stage in STAGES:
        reason = planned[stage.name]
        lines += [f"{stage.name:<10} {stage.purpose}"]
        lines += [f"{'':<10} {f'runs: {reason}' if reason else 'unchanged'}"]
    return "\n".join(lines)


def summary(manifest: Mapping[str, Any], folder: Path, seconds: float) -> str:
    """Say in a few lines what a run came to."""
    about, metrics = manifest["data"], manifest["metrics"]
    dropped = sum(about["dropped"].values())
    rows = {
        "data": f"{about['title']}; {dropped:,} dropped; {about['sha256'][:12]}",
        "settings": manifest["config_sha256"][:12],
        "code": manifest["code_sha256"][:12],
        "weights": manifest["weights_sha256"][:12],
        "validation": f"accuracy {metrics['valid_accuracy']:.1%}",
        "test": f"accuracy {metrics['test_accuracy']:.1%}, calibration error "
        f"{metrics['test_expected_calibration_error']:.1%}",
        "decision": f"positive from {manifest['threshold']:.2f} on, temperature "
        f"{manifest['temperature']:.2f}",
        "to serve": str(folder / SERVED),
        "took": f"{seconds:.0f} s",
    }
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items())


if __name__ == "__main__":
    sys.exit(main())
