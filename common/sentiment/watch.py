"""Look at a running service once, and judge what it counted since the last look.

    python -m common.sentiment.watch --url http://127.0.0.1:8000 --folder watched

The folder holds reference.json, which `monitor.Reference.save` wrote, and gets
last.json. Meant for a timer: it looks, prints one line of JSON, and ends. Exit status:
0 quiet, or nothing to judge yet; 1 an alarm; 2 the service cannot be read, or the
reference is another model's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.sentiment import monitor


def look(url: str, folder: Path, rules: monitor.Rules | None = None) -> dict[str, Any]:
    """Scrape once, judge what came since the last time, remember where it stood.

    Args:
        url: of the service.
        folder: holds reference.json, and gets last.json.
        rules: as for `monitor.check`.

    Returns:
        "texts" in the window, "judged", "alarms" as sentences, "expected_loss".

    Raises:
        monitor.MonitorError: the service cannot be read, or is of another model.
    """
    rules = monitor.Rules() if rules is None else rules
    reference = monitor.Reference.load(folder / "reference.json")
    now = monitor.read(_scraped(url))
    if now.model != reference.model:
        raise monitor.MonitorError(
            f"The service answers with model {now.model or 'none'}, the reference is "
            f"of {reference.model}: save one of the model that serves."
        )
    last = folder / "last.json"
    before = _read_last(last)
    counts = None if before is None else monitor.window(before, now)
    texts = 0 if counts is None else int(counts["probability"].sum())
    judged = counts is not None and texts >= rules.fewest_texts
    if before is None or counts is None or judged:
        _write_last(last, now)
    elif monitor.restarted(before, now):  # a short window goes on, but from zero
        zero = {name: np.zeros_like(row) for name, row in now.counts.items()}
        _write_last(last, now._replace(counts=zero))
    alarms = monitor.check(reference, counts, rules) if judged and counts else []
    loss = monitor.expected_loss(reference, counts) if judged and counts else None
    return {
        "texts": texts,
        "judged": judged,
        "alarms": [alarm.sentence for alarm in alarms],
        "expected_loss": None if loss is None else round(loss, 4),
    }


def _write_last(path: Path, snapshot: monitor.Snapshot) -> None:
    rows = {name: row.tolist() for name, row in snapshot.counts.items()}
    part = path.with_name(".part-last.json")
    content = json.dumps({"model": snapshot.model, "counts": rows})
    part.write_text(content, encoding="ascii")
    os.replace(part, path)


def _read_last(path: Path) -> monitor.Snapshot | None:
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        rows = {
            name: np.array(kept["counts"][name], np.int64) for name in monitor.WATCHED
        }
        return monitor.Snapshot(str(kept["model"]), rows)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing yet, or half of it: begin anew


def _scraped(url: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url.rstrip("/") + "/metrics", timeout=10) as answer:
            return answer.read().decode("utf-8")
    except (OSError, ValueError) as error:
        raise monitor.MonitorError(f"The service cannot be read: {error}.") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Look once from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m common.sentiment.watch",
        description="Judge what the service counted since the last look.",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args(arguments)
    try:
        seen = look(asked.url, asked.folder)
    except monitor.MonitorError as reason:
        print(reason, file=sys.stderr)
        return 2
    print(json.dumps(seen))
    return 1 if seen["alarms"] else 0


if __name__ == "__main__":
    sys.exit(main())
