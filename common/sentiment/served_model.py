"""The sentiment model as MLflow serves it: code and files, nothing pickled.

MLflow runs this file when it loads a registered version ("models from code") and asks
the object handed to `set_model` for predictions. The folder of the model is the
artefact "bundle"; the course must be on the Python path.
"""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd

from common.sentiment.predictor import Predictor


class SentimentModel(mlflow.pyfunc.PythonModel):
    """A table with a column "text" in, a table with "probability" out."""

    def load_context(self, context: Any) -> None:
        """Read and verify the bundle; raises BundleError if it is not whole."""
        self.predictor = Predictor.load(context.artifacts["bundle"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """Give each text its probability of being positive."""
        texts = [str(text) for text in model_input["text"]]
        return pd.DataFrame({"probability": self.predictor.probabilities(texts)})


mlflow.models.set_model(SentimentModel())
