"""The path of the predictions."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import APIKeyHeader

from common.sentiment.api.holder import Holder, not_ready
from common.sentiment.api.metrics import Metrics
from common.sentiment.api.refusals import REFUSALS
from common.sentiment.api.schemas import Prediction, Predictions, request_schemas
from common.sentiment.settings import Settings


def add_prediction(
    app: FastAPI,
    holder: Holder,
    settings: Settings,
    metrics: Metrics,
    pool: ThreadPoolExecutor,
) -> None:
    """Add `/predict`: the one path that reads what a user wrote."""
    texts_of_a_request = request_schemas(settings)
    # The Gate has compared the key already; this makes /docs ask for it
    key = APIKeyHeader(name="X-API-Key", auto_error=False)
    with_key = [] if settings.api_key is None else [Depends(key)]

    @app.post(
        "/predict",
        tags=["predictions"],
        response_model=Predictions,
        responses=REFUSALS,
        dependencies=with_key,
    )
    async def predict(body: texts_of_a_request, request: Request) -> Any:  # type: ignore[valid-type]
        """Say of each text whether it is positive, and how probable that is.

        The probability is calibrated: of the texts with 0.8 about 80 in 100 are
        positive, if they are like the reviews that the model learned from.
        """
        texts = body.texts if hasattr(body, "texts") else [body.text]
        request.state.count = len(texts)
        if settings.log_texts:
            request.state.texts = texts
        predictor = holder.predictor  # the one that serves now, to the end of this
        if predictor is None:
            return not_ready(request.scope, holder)
        if request.state.beside:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(pool, predictor.probabilities, texts)
        else:
            found = predictor.probabilities(texts)
        probabilities = found.tolist()
        labels = [predictor.label(p) for p in probabilities]
        metrics.predicted(texts, probabilities, labels.count("positive"))
        answer = Predictions(
            predictions=[
                Prediction(label=label, probability=p)
                for label, p in zip(labels, probabilities, strict=True)
            ],
            model=predictor.manifest.kind,
            manifest_sha256=predictor.digest,
        )
        # Not left to FastAPI, which would validate a second time what was just built
        return Response(answer.model_dump_json(), media_type="application/json")
