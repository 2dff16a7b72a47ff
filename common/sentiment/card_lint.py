"""Does a card say what its sources say, and all that a card has to say?

    for fault in lint(Path("MODEL_CARD.md").read_text(), places):
        print(fault.section, fault.sentence)

The document alone is looked at, as a stranger has it, beside the files that it names.
Each fault has a sentence of its own. What no program can see is whether the right
thing was measured: a number that is equal to a wrong record passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from common.sentiment import claims
from common.sentiment.claims import Claim, ClaimError, Places

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Model card": (
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ),
    "Datasheet": (
        "Motivation",
        "Composition",
        "Collection process",
        "Preprocessing",
        "Uses",
        "Distribution",
        "Maintenance",
    ),
}
"""What each kind of document holds: M. Mitchell et al., "Model cards for model
reporting", 2019; T. Gebru et al., "Datasheets for datasets", 2021."""

WITH_USES = ("Intended use", "Uses")
BOASTS = (
    "state of the art", "state-of-the-art", "unbiased", "bias-free", "human-level",
    "human level", "highly accurate", "perfectly", "fully reliable", "production-ready",
    "any text", "guaranteed", "world-class", "is fair", "is safe",
)  # fmt: skip
"""What no measurement can bear."""
_UNWRITTEN = re.compile(
    r"\bt\.?b\.?[ad]\b|to be (written|added|done|filled)|coming soon|\?\?\?", re.I
)
_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?\s?%|\b\d+\.\d+\b|\b\d{1,3}(,\d{3})+\b")
_ABOUT = re.compile(r"^About `([^`]+)` ([0-9a-f]+), written (\d{4}-\d\d-\d\d)\.$", re.M)


class Fault(NamedTuple):
    """One thing that is wrong with a document."""

    rule: str
    section: str
    sentence: str


class Parsed(NamedTuple):
    """A document, read once."""

    kind: str
    """The words before the colon of its title."""
    about: str
    """The path of what it describes; "" if it does not say."""
    sha256: str
    written: str
    sections: dict[str, list[str]]
    """The lines under each heading of level two."""


def parse(text: str) -> Parsed:
    """Read a document into its sections."""
    title = re.match(r"# ([^:\n]+)", text)
    about = _ABOUT.search(text)
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("## "):
            lines = sections.setdefault(line[3:].strip(), [])
        else:
            lines.append(line)
    path, sha256, written = about.groups() if about else ("", "", "")
    kind = title[1].strip() if title else ""
    return Parsed(kind, path, sha256, written, sections)


def lint(text: str, places: Places) -> list[Fault]:
    """Look for every fault of a document; an empty list if there is none.

    Args:
        text: Markdown, of the form that `card.render` writes.
        places: where its sources lie, folders by name.
    """
    document = parse(text)
    return [
        Fault(name, section, sentence)
        for name, rule in RULES.items()
        for section, sentence in rule(document, places)
    ]


Found = Iterator[tuple[str, str]]
"""A section and a sentence for each fault."""


def _subject(document: Parsed, places: Places) -> Found:
    if not document.about:
        yield "", "It does not say which model or data it is about, and of which date."
        return
    try:
        found = claims.file_hash(claims.locate(document.about, places))
    except ClaimError as reason:
        yield "", f"What it is about cannot be found: {reason}"
        return
    if not found.startswith(document.sha256):
        yield (
            "",
            f"It is about another version: {document.about} is now {found[:12]}, "
            f"the card says {document.sha256}.",
        )


def _missing(document: Parsed, places: Places) -> Found:
    if document.kind not in SECTIONS:
        yield "", f"It is no {' and no '.join(SECTIONS)}: its title says neither."
    for name in SECTIONS.get(document.kind, ()):
        if name not in document.sections:
            yield name, f"The section {name} is missing."


def _empty(document: Parsed, places: Places) -> Found:
    for name, lines in document.sections.items():
        text = "\n".join(lines).strip()
        if not re.search(r"\w", text):
            yield name, f"The section {name} is empty."
        elif found := _UNWRITTEN.search(text):
            yield name, f"The section {name} is not written yet: {found[0]!r}."


def _uses(document: Parsed, places: Places) -> Found:
    for name in WITH_USES:
        if name not in document.sections:
            continue
        pairs = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in document.sections[name]
            if line.startswith("|") and not set(line) <= set("|-: ")
        ][1:]
        if not pairs:
            yield name, f"{name} names no use."
        for pair in pairs:
            if len(pair) != 2 or not re.search(r"\w", pair[1]):
                yield name, f"The use {pair[0]!r} has no limit beside it: what is not?"


def _each_claim(document: Parsed) -> Iterator[tuple[str, Claim]]:
    for name, lines in document.sections.items():
        for line in lines:
            if line.startswith("|") and (claim := claims.parse_row(line)):
                yield name, claim


def _settled(document: Parsed) -> Iterator[tuple[str, Claim]]:
    """Yield the claims that say a number."""
    for name, claim in _each_claim(document):
        if not claim.value.startswith(claims.NOT_MEASURED):
            yield name, claim


def _unmeasured(document: Parsed, places: Places) -> Found:
    for name, claim in _each_claim(document):
        if claim.value.startswith(claims.NOT_MEASURED):
            reason = claim.value.removeprefix(claims.NOT_MEASURED).strip(" :.–")
            if len(reason.split()) < 2:
                yield name, f"{claim.name} is not measured, and nobody says why."


def _sources(document: Parsed, places: Places) -> Found:
    for name, claim in _settled(document):
        source = claims.parse_source(claim.source)
        if source is None:
            yield name, f"{claim.name} names no source."
            continue
        try:
            claims.look_up(source.path, source.key, places)
        except ClaimError as reason:
            yield name, f"The source of {claim.name} is missing: {reason}"


def _stale(document: Parsed, places: Places) -> Found:
    for name, claim, _, _, sha256 in _looked_up(document, places):
        source = claims.parse_source(claim.source)
        if not source.sha256 or not sha256.startswith(source.sha256):
            yield (
                name,
                f"{claim.name} was read from another state of {source.path}: it is "
                f"now {sha256[:12]}, the card says {source.sha256 or 'nothing'}.",
            )


def _values(document: Parsed, places: Places) -> Found:
    for name, claim, words, _, _ in _looked_up(document, places):
        if claim.value != words[0]:
            yield (
                name,
                f"{claim.name} is {claim.value} here and {words[0]} in its source.",
            )


def _intervals(document: Parsed, places: Places) -> Found:
    for name, claim in _settled(document):
        if not re.search(r"\w", claim.interval):
            yield name, f"{claim.name} has no interval, and does not say why."
    for name, claim, words, _, _ in _looked_up(document, places):
        if re.search(r"\w", claim.interval) and claim.interval != words[1]:
            yield (
                name,
                f"The interval of {claim.name} is {claim.interval} here, and its "
                f"source gives {words[1]}.",
            )


def _counts(document: Parsed, places: Places) -> Found:
    for name, claim, words, _, _ in _looked_up(document, places):
        if claim.of != words[2]:
            yield (
                name,
                f"{claim.name} stands on {words[2]}; the card says {claim.of}.",
            )


def _dates(document: Parsed, places: Places) -> Found:
    for name, claim, _, date, _ in _looked_up(document, places):
        if claim.date != date:
            yield name, f"{claim.name} was measured on {date}; the card: {claim.date}."
        elif document.written and claim.date > document.written:
            yield name, f"{claim.name} is of {claim.date}, later than the card."


def _looked_up(document: Parsed, places: Places) -> Iterator[tuple]:
    """Yield section, claim, the source's words, date and hash, where it can be read."""
    for name, claim in _settled(document):
        source = claims.parse_source(claim.source)
        if source is None:
            continue
        try:
            node, unit, date, sha256 = claims.look_up(source.path, source.key, places)
            yield name, claim, claims.in_words(node, unit), date, sha256
        except ClaimError:
            continue  # `_sources` says so


def _prose(document: Parsed, places: Places) -> Found:
    for name, line in _prose_lines(document):
        for found in _NUMBER.finditer(re.sub(r"`[^`]*`", "", line)):
            yield name, f"{found[0]} stands in the text without a source."


def _boasts(document: Parsed, places: Places) -> Found:
    for name, line in _prose_lines(document):
        for words in BOASTS:
            if words in line.lower():
                yield name, f"No measurement can bear {words!r}."


def _prose_lines(document: Parsed) -> Iterator[tuple[str, str]]:
    """Yield what people wrote, the names of claims too."""
    for name, lines in document.sections.items():
        for line in lines:
            if claim := claims.parse_row(line):
                yield name, claim.name
            elif line.strip() != claims.HEADER:
                yield name, line


RULES: Mapping[str, Callable[[Parsed, Places], Found]] = {
    "about another version": _subject,
    "section missing": _missing,
    "section empty": _empty,
    "use without a limit": _uses,
    "not measured, no reason": _unmeasured,
    "source missing": _sources,
    "source changed": _stale,
    "other number": _values,
    "interval": _intervals,
    "other count": _counts,
    "other date": _dates,
    "number without a source": _prose,
    "boast": _boasts,
}
"""A name and a function for each kind of fault."""
