"""What a run of the sentiment product may be told: one file, typed and frozen.

    config = Config.load("sentiment.toml")
    config.training.epochs

A key that does not exist, a value of the wrong type or out of its range is refused
in one sentence, before any work is done.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ConfigError(ValueError):
    """A setting that cannot be used; names the key and says what is allowed."""


class _Section(BaseModel):
    """Frozen, strict, closed and finite: an unknown key is no silent default."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )


class DataConfig(_Section):
    """Which reviews a run learns from."""

    limit: int | None = Field(None, ge=10, le=10**9)
    """Take only this many training reviews; all of them if it is not set."""


class FeatureConfig(_Section):
    """How a text becomes numbers; see `features.Tokenizer`."""

    vocabulary_size: int = Field(20_000, ge=1, le=10_000_000)
    """Words to keep at most, the most frequent ones of the training texts."""
    max_tokens: int = Field(1_000, ge=1, le=10_000)
    """Words of a text that count, the last ones."""
    bigram_buckets: int = Field(2**19, ge=0, le=2**24)
    """Numbers that pairs of neighbours share; 0 for none."""


class ModelConfig(_Section):
    """What the network is; see `model.build_model`."""

    kind: Literal["bigrams", "bilstm"] = "bigrams"
    """The mean of embeddings, or a bidirectional LSTM over them."""
    embedding_dim: int = Field(16, ge=1, le=4_096)
    """Length of the vector of a word, and of a bigram."""
    units: int = Field(48, ge=1, le=4_096)
    """Width of the LSTM in each direction; without meaning for "bigrams"."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the last layer's inputs that training sets to zero."""


class TrainingConfig(_Section):
    """How the network learns; see `training.train`."""

    epochs: int = Field(4, ge=1, le=10_000)
    batch_size: int = Field(256, ge=1, le=10**6)
    learning_rate: float = Field(3e-2, gt=0, le=100)
    """At the start; it falls to zero along a cosine."""
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    """0 and 1 become half of this and 1 minus half of this."""
    seed: int = Field(0, ge=0, lt=2**31)


class EvaluationConfig(_Section):
    """How a trained model is judged."""

    false_positive_cost: float = Field(1.0, ge=1e-6, le=1e6)
    """Of calling a negative review positive; only the ratio of the two counts."""
    false_negative_cost: float = Field(1.0, ge=1e-6, le=1e6)
    minimum_accuracy: float = Field(0.0, ge=0, le=1)
    """On the validation split; a model below it is not exported."""


class Config(_Section):
    """All settings of a run. Every section, and every key, has a default."""

    data: DataConfig = DataConfig()
    features: FeatureConfig = FeatureConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a TOML file with the sections as tables.

        Raises:
            ConfigError: the file is missing, is not TOML, or holds a key or a value
                that does not exist; one sentence, with every such key.
        """
        path = Path(path)
        try:
            # Editors on Windows begin a file with a mark that is no part of TOML
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise ConfigError(f"There is no settings file {path}.") from None
        except RecursionError:
            raise ConfigError(f"{path.name} is nested too deeply.") from None
        except (OSError, ValueError) as error:  # not TOML, not UTF-8, endless digits
            raise ConfigError(f"{path.name} cannot be read: {error}.") from None
        return cls.parse(content, path.name)

    @classmethod
    def parse(cls, content: dict, source: str = "The settings") -> Self:
        """Check a dictionary of sections; the rest is as for `load`."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = "; ".join(_sentence(problem) for problem in error.errors())
            raise ConfigError(f"{source} cannot be used: {problems}.") from None

    @property
    def digest(self) -> str:
        """The SHA-256 of all settings: equal for equal runs, whatever the file."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _sentence(problem: dict) -> str:
    """One of pydantic's findings, as "[training] epochs = 0: …"."""
    *tables, key = problem["loc"] or ("it",)
    place = f"[{'.'.join(map(str, tables))}] {key}" if tables else str(key)
    if problem["type"] == "extra_forbidden":
        known = Config.model_fields
        if tables:
            known = type(getattr(Config(), str(tables[0]))).model_fields
        return f"{place} does not exist, choose among {', '.join(known)}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{place} = {_shown(problem['input'])}: {message}"


def _shown(value: Any, longest: int = 60) -> str:
    """A value in a sentence, cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # more digits, or deeper, than Python shows
        return f"a huge {type(value).__name__}"
    return text if len(text) <= longest else f"{text[:longest]}…"
