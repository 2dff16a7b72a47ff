"""What the server may be told, through environment variables: typed, frozen, bounded.

    settings = Settings.from_environment()
    settings.max_texts            # SENTIMENT_MAX_TEXTS, or the default

A variable with a value that cannot be used stops the server at its start, with one
sentence that names the variable. A secret is never part of such a sentence.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from common import artifacts, course_home

PREFIX = "SENTIMENT_"


class SettingsError(ValueError):
    """An environment variable that cannot be used; says which, and what is allowed."""


ARTIFACT = "sentiment_served"
"""The exported model that Day 30 leaves in the course home."""


def default_model() -> Path:
    """Where the server looks for a model when nobody says where.

    Returns:
        The best artifact of that name in the course home: another one once a better
        one has been saved. While there is none, the folder in which Day 30's full run
        will put it.
    """
    try:
        # What it prints is for notebooks; standard output holds the server's log
        with contextlib.redirect_stdout(io.StringIO()):
            return artifacts.require(ARTIFACT)
    except artifacts.ArtifactError:
        return course_home() / "artifacts" / ARTIFACT / "full"


class Settings(BaseModel):
    """The server's settings; `SENTIMENT_` and the name in capitals sets each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path | None = None
    """The folder that `export.export` wrote; if unset, `default_model()` each time."""
    api_key: SecretStr | None = None
    """Who sends no such `X-API-Key` gets no prediction; nobody needs one if unset."""
    max_characters: int = Field(20_000, ge=1, le=1_000_000)
    """The longest text that is read; the longest review of IMDB has 13,704."""
    max_texts: int = Field(64, ge=1, le=10_000)
    """How many texts one request may hold."""
    max_body_bytes: int = Field(2**20, ge=100, le=2**30)
    """The largest body that is read; more is counted, thrown away and refused."""
    body_seconds: float = Field(5.0, gt=0, le=3600)
    """How long a client may take to send its body."""
    answer_seconds: float = Field(1.5, gt=0, le=3600)
    """How long a request may wait for its turn; who would wait longer is refused."""
    requests_per_second: float | None = Field(None, gt=0)
    """Rate limit of one client, by address and worker process; none if unset."""
    inline_bytes: int = Field(20_000, ge=0)
    """A request with a larger body than this is predicted in a thread of its own."""
    threads: int = Field(1, ge=1, le=256)
    """Threads of ONNX Runtime inside one prediction."""
    reload_seconds: float = Field(2.0, ge=0)
    """How often the folder is looked at for a new model; 0 for once, at the start."""
    load_seconds: float = Field(60.0, gt=0, le=3600)
    """How long reading the folder may take until it is said to hang."""
    log_texts: bool = False
    """Whether the log may hold what users wrote. It should not."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables that begin with `SENTIMENT_`; an empty one is unset.

        A blank key is refused.

        Raises:
            SettingsError: a value cannot be used; one sentence, every such variable.
        """
        environment = os.environ if environment is None else environment
        given = {
            name: environment[variable].strip()
            for name, variable in _VARIABLES.items()
            if environment.get(variable, "").strip()
        }
        if not environment.get(_VARIABLES["api_key"], "unset").strip():
            # Unset means open to all; a script that lost its secret does not mean that
            raise SettingsError(
                f"The server cannot start with these settings: {_VARIABLES['api_key']}"
                " is blank; unset it, or set a key."
            )
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = "; ".join(_as_sentence(one) for one in error.errors())
            raise SettingsError(
                f"The server cannot start with these settings: {problems}."
            ) from None


_VARIABLES = {name: PREFIX + name.upper() for name in Settings.model_fields}


def misspelt(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return a sentence for each variable that looks like a setting but is none.

    Only a near miss is reported: other programs use the same prefix, and Kubernetes
    gives every container variables that begin with the names of its services.
    """
    environment = os.environ if environment is None else environment
    sentences = []
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in _VARIABLES.values():
            continue
        close = difflib.get_close_matches(variable, _VARIABLES.values(), 1, cutoff=0.9)
        if close:
            sentences.append(f"{variable} is not a setting; {close[0]} is one.")
    return sentences


def _as_sentence(problem: dict) -> str:
    """One of pydantic's findings, as "SENTIMENT_MAX_TEXTS = 0: …"."""
    name = str(problem["loc"][0])
    message = problem["msg"][0].lower() + problem["msg"][1:]
    if name == "api_key":
        return f"{_VARIABLES[name]}: {message}"
    return f"{_VARIABLES[name]} = {problem['input']!r}: {message}"
