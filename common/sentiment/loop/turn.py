"""A turn of the loop, the driver that takes one batch after the other, the watch."""

from __future__ import annotations

import functools
import json
import os
import shutil
import time
from pathlib import Path

from filelock import FileLock

from common.sentiment import monitor, watch
from common.sentiment.loop import batches, release, steps
from common.sentiment.loop.batches import Batch
from common.sentiment.loop.home import Home, write_json
from common.sentiment.loop.journal import At, nothing_happens


def turn(home: Home, path: Path, batch: Batch, at: At = nothing_happens) -> str:
    """Take one batch through the loop; how it ended."""
    once = functools.partial(home.journal.once, batch.key, at=at)
    if not once("admit", lambda: steps.admit(home, path, batch))["accepted"]:
        return "quarantined"
    data = once("version", lambda: steps.version(home, path, batch.key))
    why = once("decide", lambda: steps.decide(home, batch))
    if why["action"] != "retrain":
        once("learn", lambda: steps.learn(home, data["batches"]))
        return "kept"
    version, champion = data["version"], why["champion"]
    made = once("train", lambda: steps.train(home, version, at))
    verdict = once("gate", lambda: steps.gate(home, version, champion))
    if not verdict["accepted"]:
        return "blocked"
    kept = once("register", lambda: steps.register(home, batch.key, made, version))
    model = kept["model"]
    packed = once("package", lambda: steps.package(home, model, verdict))
    if champion is not None:
        tried = once("canary", lambda: release.canary(home, model, packed, verdict))
        if not tried["accepted"]:
            return "rolled back"
    once("promote", lambda: release.promote(home, model, champion, batch.key))
    once("settle", lambda: release.settle(home, model, packed, version))
    once("learn", lambda: steps.learn(home, data["batches"]))
    return "promoted"


def take(home: Home, path: Path, at: At = nothing_happens) -> str:
    """Take a file from the inbox, let its turn come to an end, and put it away.

    Args:
        home: of the loop.
        path: of the file.
        at: told of every moment of every step.

    Returns:
        How it ended: "unreadable", "seen before", "quarantined", "kept", "blocked",
        "rolled back" or "promoted".
    """
    try:
        batch = batches.read(path)
    except batches.BatchError as error:
        reason = {"reason": str(error)}
        home.journal.once(f"file-{path.name}", "unreadable", lambda: reason)
        return _put_away(home, path, "unreadable")
    if "end" in home.journal.done(batch.key):  # the key is of what it holds
        home.journal.once(f"file-{path.name}", "seen before", lambda: {"is": batch.key})
        return _put_away(home, path, "seen before")
    how = turn(home, path, batch, at)
    home.journal.once(batch.key, "end", lambda: {"how": how}, at)
    return _put_away(home, path, how)


def _put_away(home: Home, path: Path, how: str) -> str:
    refused = how in ("unreadable", "quarantined")
    place = home.place("quarantine" if refused else "archive")
    if path.exists():
        shutil.move(path, place / path.name)
    return how


# --- The driver -----------------------------------------------------------------------


def look(home: Home) -> dict | None:
    """Look once at what the service counted; note an alarm once for each champion."""
    status = home.status
    reference = home.folder / "watched" / "reference.json"
    if not status.get("watch_url") or not reference.exists():
        return None
    rules = monitor.Rules(fewest_texts=home.settings.fewest_texts)
    try:
        seen = watch.look(status["watch_url"], home.place("watched"), rules)
    except monitor.MonitorError:
        return None  # between two versions
    if not seen["judged"]:
        return None
    model = monitor.Reference.load(reference).model
    seen |= {"time": time.time(), "model": model}
    with open(home.place("watched") / "windows.jsonl", "a", encoding="ascii") as file:
        file.write(json.dumps(seen) + "\n")
    if seen["alarms"]:
        write_json(home.folder / "alarm.json", seen)
        home.journal.once(f"watch-{model}", "alarm", lambda: seen)
    return seen


def drive(home: Home, at: At = nothing_happens) -> None:
    """Take batches from the inbox, one after the other, until asked to stop."""
    with FileLock(home.folder / "driver.lock"):  # it falls when the process ends
        home.journal.note("driver", "start", {"pid": os.getpid()})
        while not home.stopping:
            waiting = sorted(home.place("inbox").glob("*.jsonl"))
            if waiting:
                take(home, waiting[0], at)
            else:
                time.sleep(home.settings.watch_seconds)


def reopen(home: Home, key: str, step: str) -> None:
    """Let a turn go on from a step, when people have mended what it failed for."""
    name = home.journal.done(key)["admit"]["delivered_as"]
    kept = home.place("archive") / name
    end = time.monotonic() + 10
    while not kept.exists() and time.monotonic() < end:
        time.sleep(0.05)  # the driver is about to put it away
    home.journal.reopen(key, step)
    os.replace(kept, home.place("inbox") / name)
