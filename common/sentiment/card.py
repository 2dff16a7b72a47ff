"""The model card and the datasheet of the served model, made of its records.

    documents = {kind: collect(kind, places, date) for kind in SECTIONS}
    text = render(documents["Model card"])

What people know stands as words in card.toml: what the model is for, and what not.
What was measured is read from its source at this moment, each number with interval,
count, source and date. What nobody has measured says so, with the reason.

`make card`, or `python -m common.sentiment.card`, writes both into the course home and
lints them; `--check` lints those that are there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from common import ROOT, artifacts
from common.sentiment import claims
from common.sentiment.card_lint import SECTIONS, Fault, lint
from common.sentiment.claims import Claim, ClaimError, Places

WORDS = Path(__file__).with_name("card.toml")
FILES = {"Model card": "MODEL_CARD.md", "Datasheet": "DATASHEET.md"}
ARTIFACT, EVIDENCE, SERVED = "model_card", "card_evidence", "sentiment_served"
"""Names in the course home: the documents, what Day 36 measured, the model."""


class Part(NamedTuple):
    """A section of a document."""

    name: str
    text: str
    """Words; no number that was measured stands in them."""
    uses: tuple[tuple[str, str], ...]
    """What it is for, and beside each what it is not for."""
    claims: tuple[Claim, ...]


class Document(NamedTuple):
    """A model card or a datasheet, before it is written."""

    kind: str
    title: str
    about: str
    """The path of the file that stands for its subject."""
    sha256: str
    written: str
    """The date, as 2026-11-26."""
    parts: tuple[Part, ...]

    @property
    def claims(self) -> list[Claim]:
        """Every claim, in the order of the document."""
        return [claim for part in self.parts for claim in part.claims]


def collect(
    kind: str, places: Places, written: str, words: Mapping[str, Any] | None = None
) -> Document:
    """Put a document together from words and records.

    Args:
        kind: "Model card" or "Datasheet".
        places: where sources lie: "course", "served" and "evidence".
        written: today, as 2026-11-26.
        words: what card.toml says, unless given.

    Raises:
        ClaimError: a source is not there that card.toml gives no excuse for.
    """
    told = (read_words() if words is None else words)[kind]
    parts = tuple(
        Part(
            name,
            told[name].get("text", "").strip(),
            tuple((one["for"], one["not"]) for one in told[name].get("uses", [])),
            tuple(_claims_of(told[name].get("claims", []), places)),
        )
        for name in SECTIONS[kind]
    )
    about = told["about"]
    sha256 = claims.file_hash(claims.locate(about, places))
    return Document(kind, told["title"], about, sha256, written, parts)


def read_words(path: Path = WORDS) -> dict[str, Any]:
    """Read what people wrote; see card.toml."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _claims_of(rows: Sequence[Mapping], places: Places) -> Iterator[Claim]:
    """Read the claims of a section; one that ends in ".*" stands for all beneath."""
    for one in rows:
        name, excuse = one["name"], one.get("otherwise", "")
        source = one.get("source", "")  # without one it is not measured, and why
        if not source.endswith(".*"):
            yield claims.read(name, source, places, excuse)
            continue
        path, _, key = source.removesuffix(".*").partition("#")
        try:
            node, *_ = claims.look_up(path, key, places)
        except ClaimError:
            if not excuse:
                raise
            node = {claims.NOT_MEASURED: excuse}
        if claims.NOT_MEASURED in node:
            why = f"{claims.NOT_MEASURED}: {node[claims.NOT_MEASURED]}"
            yield Claim(name.format("each"), why)
            continue
        for part in node:
            said = name.format(part.replace("_", " "))
            yield claims.read(said, f"{path}#{key}.{part}", places)


def render(document: Document) -> str:
    """Write a document as Markdown, in the form that `card_lint.parse` reads."""
    lines = [
        f"# {document.kind}: {document.title}",
        "",
        f"About `{document.about}` {document.sha256[: claims.HASH_DIGITS]}, "
        f"written {document.written}.",
    ]
    for part in document.parts:
        lines += ["", f"## {part.name}", ""]
        lines += [part.text] if part.text else []
        if part.uses:
            rows = (f"| {use} | {limit} |" for use, limit in part.uses)
            lines += ["", "| for | and not for |", "|---|---|", *rows]
        if part.claims:
            lines += ["", claims.HEADER, claims.RULE, *map(claims.row, part.claims)]
    return "\n".join(lines) + "\n"


def default_places() -> dict[str, Path]:
    """Where the sources lie: the course, the served model, what Day 36 measured.

    Raises:
        ArtifactError: there is no model or no evidence, or they do not belong together.
    """
    places = {"course": ROOT}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints for notebooks
        places["served"] = artifacts.require(SERVED)
        places["evidence"] = artifacts.require(EVIDENCE)
    measured, *_ = claims.look_up("evidence/evaluation.json", "model", places)
    if measured != claims.file_hash(places["served"] / "manifest.json"):
        raise artifacts.ArtifactError(
            "What Day 36 measured is of another model than the one that serves now: "
            "run its notebook again."
        )
    return places


def today() -> str:
    """The date in UTC, as 2026-11-26."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def write(folder: Path, places: Places, written: str) -> None:
    """Write every document into an existing folder."""
    for kind, name in FILES.items():
        text = render(collect(kind, places, written))
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def faults_in(folder: Path, places: Places) -> dict[str, list[Fault]]:
    """Lint every document of a folder, by file name."""
    return {
        name: lint((folder / name).read_text(encoding="utf-8"), places)
        for name in FILES.values()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write and lint, or only lint; the exit status is 1 if there is a fault."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--check", action="store_true", help="only lint")
    asked = options.parse_args(arguments)
    try:
        places = default_places()
        if asked.check:
            with contextlib.redirect_stdout(io.StringIO()):
                folder = artifacts.require(ARTIFACT)
        else:
            folder = artifacts.save(
                ARTIFACT,
                lambda made: write(made, places, today()),
                stand_in="stand-in" in places["evidence"].name,
                budget=places["evidence"].name.partition("-")[0],
            )
    except (artifacts.ArtifactError, ClaimError) as reason:
        print(reason, file=sys.stderr)
        return 1
    found = faults_in(folder, places)
    for name, faults in found.items():
        print(f"{folder / name}: {len(faults)} faults")
        for fault in faults:
            print(f"  {fault.section or 'at the top'}: {fault.sentence}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
