"""Start the page, and the API that it asks: `make ui`.

    python common/program.py common.sentiment.ui_start --port 8501

Where SENTIMENT_UI_API names an API, that one is asked; else one is started beside the
page, on a free port, and ends with it.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import tempfile
from pathlib import Path

from common import program
from common.sentiment.ui_files import LARGEST_FILE

PAGE = Path(__file__).with_name("ui.py")
OPTIONS = (
    "--server.address=127.0.0.1",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    f"--server.maxUploadSize={LARGEST_FILE // 2**20}",
    "--browser.gatherUsageStats=false",
    "--client.showErrorDetails=none",
    "--client.toolbarMode=minimal",
)
"""Streamlit's: this machine only, no telemetry, no traceback for users."""
HEALTH = "/_stcore/health"


def page(script: Path = PAGE, port: str = "{port}") -> list[str]:
    """Return the command that serves the page, for `program.Server`.

    Args:
        script: what Streamlit runs, another one in tests.
        port: a number; `program.Server` puts a free one in place of "{port}".
    """
    return program.command(
        "streamlit", "run", str(script), *OPTIONS, f"--server.port={port}"
    )


def main() -> None:
    """Read the command line, and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="make ui", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8501)
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory(prefix="sentiment-ui-") as folder:
        if not os.environ.get("SENTIMENT_UI_API"):
            command = program.command("common.sentiment.api", "--port", "{port}")
            api = program.Server(command, "/health", Path(folder)).wait()
            os.environ["SENTIMENT_UI_API"] = api.url
        try:
            print(f"The page: http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)
            sys.argv = [
                "streamlit",
                "run",
                str(PAGE),
                *OPTIONS,
                f"--server.port={port}",
            ]
            runpy.run_module("streamlit", run_name="__main__")
        finally:
            for server in program.Server.latest.values():
                server.stop()


if __name__ == "__main__":
    main()
