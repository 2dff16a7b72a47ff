"""Does a text hold a secret? Patterns of known keys, and the entropy of long words.

    for finding in scan(folder): print(finding.file, finding.line, finding.kind)

A secret that was committed once must be taken out of use: it stays in the history.
A finding never repeats what it found. A line that says `no-secret` is left alone.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PATTERNS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36,}\b",
    "password": r"(?i)(?:password|passwd|secret|api_?key|token)\s*[:=]\s*"
    r"['\"][^'\"\s{}]{8,}['\"]",
}
"""What some kinds of secret look like, by name."""

WORD = re.compile(r"[A-Za-z0-9+_-]{20,}")
"""Long enough for a key. Without the slash, which base64 has and every path too."""
LEAST_BITS = 4.0
"""Of entropy for each character of a word. Nearly all random words of 32 letters and
digits have more, names that people chose have less. Hexadecimal digits have 4 at most,
so hashes pass, and so does a key that is written in them."""
ALLOWED = "no-secret"

_TEXTS = {".cfg", ".env", ".ini", ".json", ".md", ".py", ".sh", ".toml", ".txt"}
_TEXTS |= {".yaml", ".yml", ""}
_NOT_SOURCE = {".git", ".venv", "__pycache__", "runs", "node_modules"}
_LARGEST = 2**20


class Finding(NamedTuple):
    """Where something looks like a secret, and like which kind."""

    file: str
    line: int
    kind: str


def entropy(word: str) -> float:
    """Bits of each character, from the shares of the characters in the word itself."""
    shares = [count / len(word) for count in Counter(word).values()]
    return sum(-share * math.log2(share) for share in shares)


def kind_of_secret(line: str, least_bits: float = LEAST_BITS) -> str:
    """What a line seems to hold: the name of a pattern, "random word", or ""."""
    if ALLOWED in line:
        return ""
    for kind, pattern in PATTERNS.items():
        if re.search(pattern, line):
            return kind
    for word in WORD.findall(line):
        mixed = all(re.search(part, word) for part in ("[a-z]", "[A-Z]", "[0-9]"))
        if mixed and entropy(word) >= least_bits:
            return "random word"
    return ""


def sources(folder: Path) -> Iterator[Path]:
    """Yield the text files of a folder, in order; no notebooks, whose pictures are
    random words, no environments, nothing larger than a megabyte."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _NOT_SOURCE)
        for name in sorted(names):
            path = Path(place, name)
            suffix = path.suffix or (name if name == ".env" else "")
            if suffix in _TEXTS and path.stat().st_size <= _LARGEST:
                yield path


def scan(folder: str | Path) -> list[Finding]:
    """Look at every line of every text file below a folder."""
    folder = Path(folder)
    findings = []
    for path in sources(folder):
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if kind := kind_of_secret(line):
                name = path.relative_to(folder).as_posix()
                findings.append(Finding(name, number, kind))
    return findings
