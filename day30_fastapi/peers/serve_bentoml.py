"""Day 30's model behind BentoML: `python serve_bentoml.py PORT FOLDER`.

Asked: POST /predict, {"text": "…"}.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.append(str(HERE.parents[2]))
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ.setdefault("BENTOML_HOME", str(Path.cwd() / "bentoml"))

import bentoml  # noqa: E402

from common.sentiment.predictor import Predictor  # noqa: E402


@bentoml.service
class Sentiment:
    """One text in, its probability out."""

    def __init__(self) -> None:
        self.predictor = Predictor.load(os.environ["SENTIMENT_MODEL"])

    @bentoml.api
    def predict(self, text: str) -> float:
        """Answer one request."""
        return self.predictor.probabilities([text]).item()


if __name__ == "__main__":
    port, os.environ["SENTIMENT_MODEL"] = sys.argv[1:]
    serve = [sys.executable, "-m", "bentoml", "serve", f"{HERE.stem}:Sentiment"]
    options = ["--working-dir", str(HERE.parent), "--host", "127.0.0.1", "--port", port]
    subprocess.run([*serve, *options])
