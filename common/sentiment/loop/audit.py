"""From one request to all that its answer rests on: a chain, each link verified.

for link in audit(home, "visit-123"):
    print(link.what, link.name, link.verified)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from common.sentiment import bundle
from common.sentiment.loop import batches
from common.sentiment.loop.home import Home, read_json
from common.sentiment.loop.journal import key_of


class AuditError(LookupError):
    """A link of the chain that cannot be found; says which."""


class Link(NamedTuple):
    """One link of the chain."""

    what: str
    name: str
    verified: str
    """How it was checked against the link before."""


def audit(home: Home, request_id: str) -> list[Link]:
    """Follow a request to the process, model, run, data, code, decision and card.

    Raises:
        AuditError: nothing in the logs has this id, or a link is broken.
    """
    folder, lines = _answered(home, request_id)
    line = next(x for x in lines if x.get("request_id") == request_id)
    release = read_json(folder / "release.json")
    digest = next(
        x["manifest_sha256"]
        for x in reversed(lines[: lines.index(line)])
        if x.get("event") == "model" and "manifest_sha256" in x
    )
    model = str(release["model"])
    lineage = home.registry.lineage(int(model))
    _require(lineage["manifest_sha256"] == digest, "the model in the registry")
    _, now = bundle.read_manifest(home.registry.folder_of(int(model)))
    _require(now == digest, "the model's files")
    run = home.registry.client.get_run(lineage["run_id"])
    _require(run.data.tags["data_sha256"] == lineage["data_sha256"], "the run")
    keys = batches.keys_of(home, lineage["data_version"])
    _require(key_of(*keys) == lineage["data_version"], "the version of the data")
    names = [batches.stored(home, key).key for key in keys]
    done = home.journal.done(lineage["turn"])
    _require({"gate", "package"} <= done.keys(), "the journal")
    card = home.folder / "releases" / model / "CARD.md"
    written = hashlib.sha256(card.read_bytes()).hexdigest()
    _require(written == done["package"]["card_sha256"], "the card")
    measured = done["gate"]["measured"]
    return [
        Link("request", request_id, f"in the log, status {line['status']}"),
        Link("process", release["slot"], "the log's own folder"),
        Link("model", f"version {model}, {digest[:12]}", "every file hashed again"),
        Link("run", lineage["run_id"][:12], "names the same data"),
        Link("data", f"version {lineage['data_version']}", "hash of its batches"),
        Link("batches", ", ".join(names), "every text and label hashed again"),
        Link("code", lineage["code_sha256"][:12], _commit(run)),
        Link("decision", _decided(measured), f"turn {lineage['turn']}"),
        Link("card", f"CARD.md, {written[:12]}", "as it was written"),
    ]


def _answered(home: Home, request_id: str) -> tuple[Path, list[dict]]:
    """The folder of the process that answered, and its log."""
    needle = f'"request_id": "{request_id}"'
    for path in sorted(home.place("instances").glob("*/*.log")):
        text = path.read_text("utf-8", errors="replace")
        if needle not in text:
            continue
        lines = list(_events(text))
        mine = [x for x in lines if x.get("request_id") == request_id]
        if any(x["status"] == 200 for x in mine):
            return path.parent, [
                x
                for x in lines
                if x.get("request_id") != request_id or x["status"] == 200
            ]
    raise AuditError(f"No process has answered a request {request_id}.")


def _events(text: str) -> Iterator[dict]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AuditError(f"The chain is broken at {what}: it is not what was recorded.")


def _commit(run) -> str:
    commit = run.data.tags.get("commit", "")[:12]
    return f"by its hash; commit {commit}" if commit else "by its hash; no repository"


def _decided(measured: dict) -> str:
    if "champion" not in measured:
        return f"first model, {measured['challenger']:.1%} right"
    return f"{measured['champion']:.1%} → {measured['challenger']:.1%} right"
