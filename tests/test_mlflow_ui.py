"""MLflow's page in a real browser, on a store that the notebook's way filled.

A parent run with children, and a run of its own; Chromium opens the page on a free
port, finds the experiment and its runs, and opens one of them. The screenshots stay
in `ci-artifacts/`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import support
from test_lab_browser import browser, free_port, picture, stop  # noqa: F401

from common.sentiment import tracking, tracking_store
from common.sentiment.config import Config

START_SECONDS = 300
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, str]]:
    """A store with a sweep of two children; its experiment and its runs by name."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    address = f"sqlite:///{path}"
    client = tracking_store.connect(address)
    experiment = tracking_store.experiment_of(client, "reviews", address)
    runs = {}
    for name, rate in (("sweep", 0.01), ("slow child", 0.02), ("fast child", 0.04)):
        config = Config.parse({"training": {"learning_rate": rate}})
        run_id = tracking.open_run(client, experiment, config, "here")
        client.set_tag(run_id, "mlflow.runName", name)
        if name != "sweep":
            client.set_tag(run_id, "mlflow.parentRunId", runs["sweep"])
        for step in (1, 2, 3):
            tracking.note(client, run_id, {"valid_loss": rate / step}, step=step)
        tracking.close_run(client, run_id, "FINISHED", "")
        runs[name] = run_id
    return path, experiment, runs


@pytest.fixture(scope="module")
def page_of(store: tuple, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server on a free port; its address."""
    port, home = free_port(), tmp_path_factory.mktemp("server")
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with open(home / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options]
            + ["--backend-store-uri", f"sqlite:///{store[0]}"],
            cwd=home,
            env=support.surroundings(home / "home", **QUIET),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
        while True:
            try:
                if httpx.get(f"{address}/health", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if time.monotonic() > end or process.poll() is not None:
                pytest.fail((home / "log").read_text()[-2000:])
            time.sleep(0.2)
        yield address
    finally:
        stop(process)


def test_the_page_shows_the_sweep_and_a_run(store, page_of, browser):  # noqa: F811
    _, experiment, runs = store
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(f"{page_of}/#/experiments/{experiment}/runs")
        page.get_by_text("sweep", exact=True).first.wait_for()
        page.locator(".ag-row [col-id*='Run Name'] button").first.click()  # its plus
        for name in ("fast child", "slow child"):
            page.get_by_text(name, exact=True).first.wait_for()
        picture(page, "mlflow-runs.png")
        page.goto(f"{page_of}/#/experiments/{experiment}/runs/{runs['fast child']}")
        page.get_by_text("training.learning_rate").first.wait_for()
        page.get_by_text("valid_loss").first.wait_for()
        assert page.get_by_text("0.04", exact=True).first.is_visible()
        picture(page, "mlflow-run.png")
    except Exception:
        picture(page, "mlflow-failed.png")
        raise
    finally:
        page.close()
    away = [url for url in asked if not url.startswith((page_of, "data:", "blob:"))]
    assert not away, f"the page asks elsewhere: {away[:3]}"
