"""A model as a folder: what is in it, and whether it is whole.

    manifest.json     what the model is, how it was made, and the hash of each file
    tokenizer.json    the one that it was trained with
    model.keras       for further training, or
    model.onnx        for serving

Reading needs neither Keras nor ONNX Runtime. A folder is believed only if every file
has the SHA-256 that the manifest names: half a copy, or the tokeniser of another
model, is refused with a reason.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.sentiment.features import FeatureError, Tokenizer

MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"
KERAS_MODEL, ONNX_MODEL = "model.keras", "model.onnx"
FORMAT = "forty-days sentiment model 1"


class BundleError(ValueError):
    """A model folder that cannot be used; says why in a sentence."""


class Manifest(BaseModel):
    """What a model folder says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["forty-days sentiment model 1"] = FORMAT
    kind: str
    """Of network: "bigrams" or "bilstm"."""
    temperature: float = Field(gt=0)
    """What a logit is divided by before the sigmoid."""
    threshold: float = Field(ge=0, le=1)
    """From this probability on a text is called positive."""
    tokenizer_digest: str
    """Of the tokeniser that the model was trained with."""
    metrics: dict[str, Any] = {}
    data: dict[str, Any] = {}
    """Title and source of the training data, and their hash if it is known."""
    config: dict[str, Any] = {}
    code_sha256: str = ""
    versions: dict[str, str] = {}
    created: str = ""
    """UTC, to the second."""
    files: dict[str, str]
    """SHA-256 by file name."""


def write(
    folder: Path,
    *,
    kind: str,
    tokenizer: Tokenizer,
    temperature: float = 1.0,
    threshold: float = 0.5,
    metrics: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    code_sha256: str = "",
    versions: Mapping[str, str] | None = None,
    created: str = "",
) -> Manifest:
    """Complete a folder that holds a model file: tokeniser, then manifest.

    Args:
        folder: holds model.keras or model.onnx, or both.
        kind: see `Manifest`, as for all that follow.
        tokenizer: the one that the model was trained with.
        temperature: see `Manifest`.
        threshold: see `Manifest`.
        metrics: see `Manifest`.
        data: see `Manifest`.
        config: see `Manifest`.
        code_sha256: see `Manifest`.
        versions: of what made the model; the installed ones by default.
        created: now by default.

    Returns:
        What was written.

    Raises:
        BundleError: there is no model file.
    """
    models = [name for name in (KERAS_MODEL, ONNX_MODEL) if (folder / name).is_file()]
    if not models:
        raise BundleError(f"There is neither {KERAS_MODEL} nor {ONNX_MODEL} to save.")
    tokenizer.save(folder / TOKENIZER)
    manifest = Manifest(
        kind=kind,
        temperature=temperature,
        threshold=threshold,
        tokenizer_digest=tokenizer.digest,
        metrics=dict(metrics or {}),
        data=dict(data or {}),
        config=dict(config or {}),
        code_sha256=code_sha256,
        versions=dict(installed_versions() if versions is None else versions),
        created=created or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        files={name: file_sha256(folder / name) for name in (TOKENIZER, *models)},
    )
    text = manifest.model_dump_json(indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: str | Path) -> tuple[Manifest, str]:
    """Read a folder's manifest, and its SHA-256, which stands for the whole model.

    Both come from the same bytes, so they belong together even if the folder changes
    meanwhile. The files that it names are not looked at: see `read`.

    Raises:
        BundleError: the folder or the manifest is missing, cut off, or of another
            format.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError("The model folder does not exist.")
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.model_validate_json(content)
    except FileNotFoundError:
        raise BundleError(f"The model folder holds no {MANIFEST}.") from None
    except OSError as error:
        raise BundleError(f"{MANIFEST} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BundleError(
            f"{MANIFEST} is not one of this version ({place}: {first['msg']})."
        ) from None
    return manifest, hashlib.sha256(content).hexdigest()


def read(folder: str | Path, needs: str | None = None) -> Manifest:
    """Read a folder's manifest, and check every file that it names.

    Args:
        folder: of the model.
        needs: a file that must be there, `ONNX_MODEL` or `KERAS_MODEL`.

    Raises:
        BundleError: the folder, the manifest or a file is missing, cut off, changed
            or of another format.
    """
    folder = Path(folder)
    manifest, _ = read_manifest(folder)
    for name in {TOKENIZER, *([needs] if needs else [])} - set(manifest.files):
        raise BundleError(f"{MANIFEST} names no {name}, so it cannot be used here.")
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise BundleError(f"{MANIFEST} names a file outside its folder: {name}.")
        try:
            found = file_sha256(folder / name)
        except FileNotFoundError:
            raise BundleError(f"{name} is missing from the model folder.") from None
        except OSError as error:
            raise BundleError(f"{name} cannot be read: {error.strerror}.") from None
        if found != expected:
            raise BundleError(
                f"{name} is not the file that {MANIFEST} names: it is cut off, "
                "changed, or of another model."
            )
    return manifest


def read_tokenizer(folder: str | Path, manifest: Manifest) -> Tokenizer:
    """Read the tokeniser of a folder whose manifest was read.

    Raises:
        BundleError: it cannot be read, or is not the one the model was trained with.
    """
    try:
        tokenizer = Tokenizer.load(Path(folder) / TOKENIZER)
    except FeatureError as error:
        raise BundleError(f"The tokeniser cannot be used: {error}.") from None
    if tokenizer.digest != manifest.tokenizer_digest:
        raise BundleError(
            f"{TOKENIZER} is not the tokeniser that the model was trained with."
        )
    return tokenizer


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def installed_versions() -> dict[str, str]:
    """Of Python, and of those libraries that shape a model and are installed."""
    versions = {"python": platform.python_version()}
    for name in ("keras", "tensorflow", "numpy", "onnxruntime"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
