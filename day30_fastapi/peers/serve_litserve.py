"""Day 30's model behind LitServe: `python serve_litserve.py PORT FOLDER`.

Asked: POST /predict, {"text": "…"}.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))

import litserve

from common.sentiment.predictor import Predictor


class Sentiment(litserve.LitAPI):
    """One text in, its probability out."""

    def setup(self, device: str) -> None:
        """Load the model, once in each worker."""
        self.predictor = Predictor.load(sys.argv[2])

    def predict(self, request: dict[str, Any]) -> dict[str, float]:
        """Answer one request."""
        return {"probability": self.predictor.probabilities([request["text"]]).item()}


if __name__ == "__main__":
    server = litserve.LitServer(Sentiment(), accelerator="cpu")
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        generate_client_file=False,
    )
