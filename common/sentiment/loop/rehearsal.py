"""The whole loop in a terminal: `make loop`.

Three batches of reviews: the first model, a drift whose labels bring a second model
(while its driver is killed twice), and labels of which a third is wrong. It prints the
journal as it is written, and in the end what visitors saw. It works in a folder of its
own, which it removes, and needs no network beyond that for the reviews.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common import datasets
from common.runtime import budget
from common.sentiment import data
from common.sentiment.loop import batches, crew, faults, host, release
from common.sentiment.loop.audit import audit
from common.sentiment.loop.home import Home, Settings
from common.sentiment.loop.journal import Journal
from common.sentiment.loop.world import Requests, Traffic, World

RATE = 20
KILLS = (
    faults.Fault("train", "between", "kill"),
    faults.Fault("register", "between", "kill"),
)


def main() -> int:
    """Rehearse; the exit status is 0 if both endings came and no request failed."""
    count = budget(smoke=800, quick=3_000, full=5_000)
    reviews = datasets.imdb(form="text", limit=4 * count)
    corpus = data.ingest(reviews)
    order = np.random.default_rng(40).permutation(len(corpus.train.texts))
    texts = np.array(corpus.train.texts, object)[order]
    world = World(texts, corpus.train.labels[order])
    settings = Settings(
        config={
            "features": {
                "vocabulary_size": budget(smoke=4_000, quick=20_000, full=20_000),
                "max_tokens": budget(smoke=150, quick=300, full=300),
                "bigram_buckets": budget(smoke=2**10, quick=2**15, full=2**16),
            },
            "training": {
                "epochs": budget(smoke=8, quick=6, full=6),
                "batch_size": budget(smoke=32, quick=128, full=128),
            },
        },
        title=reviews.title,
        source=reviews.source,
        replicas=budget(smoke=1, quick=2, full=2),
    )
    with (
        tempfile.TemporaryDirectory(prefix="loop-") as folder,
        crew.Nursery() as nursery,
    ):
        home = Home.make(Path(folder) / "home", settings)
        with _told(home.journal):
            ends, table = _stories(home, world, nursery, count)
        failed = int((table["status"] != 200).sum())
        lost = [one.name for one in home.place("inbox").iterdir()]
        print(f"\nEndings: {', '.join(ends)}.")
        print(f"{len(table):,} requests, {failed} failed; batches left: {len(lost)}.")
        print("The last request rests on:")
        for link in audit(home, f"visit-{len(table) - 1}"):
            print(f"  {link.what:<9} {link.name:<44} {link.verified}")
    good = ends == ["promoted", "promoted", "blocked"] and not failed and not lost
    return 0 if good else 1


def _stories(
    home: Home, world: World, nursery: crew.Nursery, count: int
) -> tuple[list[str], Any]:
    ends = []
    with host.Host(home) as service, crew.Supervisor(home, nursery) as driver:

        def turn(name: str, what: str, turned: float = 0.0) -> None:
            print(f"\n{what}", flush=True)
            texts, labels = world.labelled(count if name != "3" else count // 2)
            wrong = np.random.default_rng(7).random(len(labels)) < turned
            key = batches.deliver(
                home, name, texts, np.where(wrong, 1 - labels, labels)
            )
            ends.append(driver.wait_for_end(key, 600))

        visitors, _ = world.labelled(min(500, count // 4))
        turn("1", "Labelled reviews arrive; nothing serves yet.")
        release.wait_for(home, "the service", lambda s: s.get("stable"))
        with Traffic(service.port, Requests(world, visitors), rate=RATE) as traffic:
            time.sleep(5)
            world.mood = "phones"
            faults.plan(home, KILLS)
            turn("2", "Visitors write in shorthand; the driver will be killed twice.")
            turn("3", "A third of the next labels is wrong.", turned=1 / 3)
            time.sleep(1)
    killed = sum(status == -9 for *_, status in driver.lives)
    print(f"\nDrivers: {len(driver.lives)}, of which {killed} were killed.")
    return ends, traffic.table()


@contextlib.contextmanager
def _told(journal: Journal) -> Iterator[None]:
    """Print the journal while it is written."""
    ended = threading.Event()

    def follow() -> None:
        shown = 0
        while True:
            last = ended.is_set()
            for row in journal.rows()[shown:]:
                shown += 1
                said = _short(row["step"], row["result"])
                print(f"  {row['turn'][:8]:<9}{row['step']:<9}", end="")
                print(f"{row['seconds']:6.1f} s  {said}", flush=True)
            if last:
                return
            ended.wait(0.2)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _short(step: str, result: dict) -> str:
    """What a step came to, in a few words."""
    if step == "gate":
        right = result["measured"]["challenger"]
        return " ".join([f"{right:.1%} of the newest right.", *result["reasons"]])
    words = {
        "start": lambda r: "a driver begins",
        "admit": lambda r: f"{r['reviews']:,} reviews",
        "decide": lambda r: f"{r['action']}: {r['sentence']}",
        "register": lambda r: f"version {r['model']}",
        "canary": lambda r: f"{r['failed']} of {r['sent']} requests failed",
        "promote": lambda r: f"version {r['champion']} is champion",
        "alarm": lambda r: " ".join(r["alarms"]),
        "end": lambda r: r["how"],
    }
    return words[step](result)[:96] if step in words else ""


if __name__ == "__main__":
    sys.exit(main())
