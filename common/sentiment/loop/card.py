"""The card of one version: Day 36's words, and what this turn measured.

It is made of records alone, so that it comes out the same, byte for byte, as often as
it is written.
"""

from __future__ import annotations

import hashlib
import os

from common.sentiment import card
from common.sentiment.loop.home import Home


def write_card(home: Home, model: int, verdict: dict) -> str:
    """Write CARD.md into the version's release; return its SHA-256.

    Args:
        home: of the loop.
        model: the version.
        verdict: what the gate said of it.
    """
    lineage = home.registry.lineage(model)
    words = card.read_words()["Model card"]["Intended use"]
    rows = {
        "Version": str(model),
        "Run": lineage["run_id"],
        "Model files (manifest)": lineage["manifest_sha256"],
        "Data version": lineage["data_version"],
        "Data, every text and label": lineage["data_sha256"],
        "Code": lineage["code_sha256"],
    }
    rows |= {f"Gate: {name}": _shown(x) for name, x in verdict["measured"].items()}
    uses = [f"- {use['for']}. Not: {use['not']}." for use in words["uses"]]
    lines = [
        f"# Model card: {home.registry.name}, version {model}",
        "",
        "## Intended use",
        "",
        words["text"].strip(),
        "",
        *uses,
        "",
        "## What is known",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
    ]
    content = "\n".join(lines).encode()
    target = home.place("releases") / str(model) / "CARD.md"
    target.parent.mkdir(exist_ok=True)
    part = target.with_name(f".part-{os.getpid()}-card")
    part.write_bytes(content)
    os.replace(part, target)
    return hashlib.sha256(content).hexdigest()


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
