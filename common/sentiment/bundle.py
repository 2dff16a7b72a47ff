"""A model as a folder: what is in it, and whether it is whole.

    manifest.json          what the model is, how it was made, and each file's hash
    manifest.json.sha256   the manifest's own hash, as `sha256sum -c` reads it
    tokenizer.json         the one that it was trained with
    model.keras            for further training, or
    model.onnx             for serving

Reading needs neither Keras nor ONNX Runtime. A folder is believed only if every file
has the SHA-256 that the manifest names, and the manifest its own: half a copy, a
flipped bit in the temperature, or the tokeniser of another model is refused with a
reason. (Against mistakes, not against a forger, who would write the hashes anew.)
"""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.sentiment.features import FeatureError, Tokenizer

MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"
CHECKSUM = "manifest.json.sha256"
KERAS_MODEL, ONNX_MODEL = "model.keras", "model.onnx"
FORMAT = "forty-days sentiment model 2"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BundleError(ValueError):
    """A model folder that cannot be used; says why in a sentence."""


class Manifest(BaseModel):
    """What a model folder says about itself: typed, finite, within bounds."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )

    format: Literal["forty-days sentiment model 2"] = FORMAT
    kind: str
    """Of network: "bigrams" or "bilstm"."""
    temperature: float = Field(ge=0.01, le=100)
    """What a logit is divided by before the sigmoid."""
    threshold: float = Field(ge=0, le=1)
    """From this probability on a text is called positive."""
    metrics: dict[str, Any] = {}
    data: dict[str, Any] = {}
    """Title and source of the training data, and their hash if it is known."""
    config: dict[str, Any] = {}
    code_sha256: str = ""
    versions: dict[str, str] = {}
    """Of what made the model."""
    created: str = ""
    """UTC, to the second; empty where equal runs are to give equal bytes."""
    files: dict[str, Sha256]
    """SHA-256 by file name."""


def write(folder: Path, *, tokenizer: Tokenizer, **about: Any) -> Manifest:
    """Complete a folder that holds a model file: tokeniser, manifest, its checksum.

    Args:
        folder: holds model.keras or model.onnx, or both.
        tokenizer: the one that the model was trained with.
        about: fields of `Manifest`, `kind` at least. The temperature is 1 and the
            threshold 0.5 if they are not given, `versions` those of the installed
            libraries, `created` this moment.

    Returns:
        What was written.

    Raises:
        BundleError: there is no model file, or a field does not exist or is out of
            bounds.
    """
    models = [name for name in (KERAS_MODEL, ONNX_MODEL) if (folder / name).is_file()]
    if not models:
        raise BundleError(f"There is neither {KERAS_MODEL} nor {ONNX_MODEL} to save.")
    tokenizer.save(folder / TOKENIZER)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    usual = {"temperature": 1.0, "threshold": 0.5}
    usual |= {"versions": installed_versions(), "created": now}
    files = {name: file_sha256(folder / name) for name in (TOKENIZER, *models)}
    try:
        manifest = Manifest(**usual | about, files=files)
    except ValidationError as error:
        raise BundleError(f"The model cannot be saved: {_first(error)}.") from None
    text = manifest.model_dump_json(indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")
    write_checksum(folder)
    return manifest


def write_checksum(folder: Path) -> None:
    """Write the manifest's own hash beside it, as `sha256sum` does."""
    line = f"{file_sha256(folder / MANIFEST)}  {MANIFEST}\n"
    (folder / CHECKSUM).write_text(line, encoding="ascii", newline="\n")


def read_manifest(folder: str | Path) -> tuple[Manifest, str]:
    """Read a folder's manifest, and its SHA-256, which stands for the whole model.

    Both come from the same bytes, so they belong together even if the folder changes
    meanwhile. The files that it names are not looked at: see `read`.

    Raises:
        BundleError: the folder, the manifest or its checksum is missing, cut off,
            changed, or of another format.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError("The model folder does not exist.")
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.model_validate_json(content)
        checksum = (folder / CHECKSUM).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise BundleError(f"The model folder holds no {name}.") from None
    except OSError as error:
        raise BundleError(f"{MANIFEST} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        raise BundleError(
            f"{MANIFEST} is not one of this version of the course ({_first(error)}): "
            "save the model again."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if checksum.split()[:1] != [found]:
        raise BundleError(
            f"{MANIFEST} is not the one that {CHECKSUM} names: it was cut off or "
            "changed."
        )
    return manifest, found


def _first(error: ValidationError) -> str:
    """The first of pydantic's findings, as "temperature: …"."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"])) or "the file"
    return f"{place}: {problem['msg']}"


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
    if tokenizer.digest != manifest.files[TOKENIZER]:
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
