"""The paths for those who run the service: health, readiness, version, metrics."""

import platform
from importlib.metadata import version
from typing import Any

import prometheus_client as prometheus
from fastapi import FastAPI, Request, Response

from common.sentiment.api.holder import Holder, not_ready
from common.sentiment.api.metrics import Metrics
from common.sentiment.api.refusals import only
from common.sentiment.api.schemas import Alive, Ready, Version
from common.sentiment.settings import Settings

API_VERSION = "1.0.0"


def add_operations(
    app: FastAPI, holder: Holder, settings: Settings, metrics: Metrics
) -> None:
    """Add what those who run the service ask for: open to all, without user data."""

    @app.get("/health", tags=["operations"])
    async def health() -> Alive:
        """Whether the process lives: restart it if this does not answer."""
        return Alive()

    @app.get("/ready", tags=["operations"], response_model=Ready, responses=only(503))
    async def ready(request: Request) -> Any:
        """Whether a model serves: send no requests here while this says 503."""
        predictor = holder.predictor
        if predictor is None:
            return not_ready(request.scope, holder)
        return Ready(
            model=predictor.manifest.kind,
            manifest_sha256=predictor.digest,
            warning=holder.problem,
        )

    limits = settings.model_dump(
        include={
            "max_characters",
            "max_texts",
            "max_body_bytes",
            "body_seconds",
            "answer_seconds",
            "requests_per_second",
        }
    )
    software = {"python": platform.python_version()} | {
        name: version(name) for name in ("fastapi", "onnxruntime", "numpy")
    }

    @app.get("/version", tags=["operations"])
    async def what_runs() -> Version:
        """Which model answers, and under which limits."""
        predictor = holder.predictor
        shown = {"kind", "created", "threshold", "temperature", "versions"}
        return Version(
            api=API_VERSION,
            ready=predictor is not None,
            model=predictor
            and predictor.manifest.model_dump(mode="json", include=shown),
            manifest_sha256=predictor and predictor.digest,
            warning=holder.problem,
            limits=limits,
            software=software,
        )

    @app.get(
        "/metrics",
        tags=["operations"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def exposed() -> Response:
        """Counts and times, for Prometheus."""
        text = metrics.exposition()
        return Response(text, media_type=prometheus.CONTENT_TYPE_LATEST)
