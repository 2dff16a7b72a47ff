"""Evidently's page: SciPy's numbers, readable in a browser without a network."""

import http.server
import threading
from functools import partial

import numpy as np
import pytest
import support
from scipy.stats import ks_2samp
from test_lab_browser import browser, picture  # noqa: F401

from common.sentiment import drift_report

RNG = np.random.default_rng(0)
BEFORE = {"characters": RNG.gamma(4, 300, 800), "unknown": RNG.beta(1, 40, 800)}
NOW = {"characters": RNG.gamma(4, 300, 400), "unknown": RNG.beta(2, 20, 400)}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    page = tmp_path_factory.mktemp("report") / "drift.html"
    return page, drift_report.write(BEFORE, NOW, page, risk=0.05)


def test_the_p_values_are_scipys(written):
    theirs = {name: ks_2samp(BEFORE[name], NOW[name]).pvalue for name in BEFORE}
    assert written[1] == pytest.approx(theirs, rel=1e-6)


def test_different_statistics_are_refused(tmp_path):
    with pytest.raises(ValueError, match="different statistics"):
        drift_report.write(BEFORE, {"characters": NOW["characters"]}, tmp_path / "x")


def test_no_telemetry_is_sent(written):
    from evidently.telemetry import event_logger

    assert not event_logger.is_enabled()


def test_the_page_opens_and_names_the_drifted_column(written, browser):  # noqa: F811
    page_file, _ = written
    quiet = partial(_Quiet, directory=str(page_file.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(60_000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(f"{address}/{page_file.name}")
        for name in BEFORE:
            page.get_by_text(name).first.wait_for()
        detected = page.get_by_text("Data drift detected").count()
        silent = page.get_by_text("Data drift not detected").count()
        picture(page, "drift-report.png")
        assert (detected, silent) == (1, 1), (detected, silent)
    except Exception:
        picture(page, "drift-report-failed.png")
        raise
    finally:
        page.close()
        server.shutdown()
        server.server_close()
    away = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not away, f"the page asks elsewhere: {away[:3]}"
    assert not errors, errors[:3]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *line):
        pass


def test_the_report_is_evidentlys_alone():
    rooms = (support.ROOT / "common").rglob("*.py")
    know = [p.name for p in rooms if "import evidently" in p.read_text("utf-8")
            or "from evidently" in p.read_text("utf-8")]  # fmt: skip
    assert know == ["drift_report.py"]
