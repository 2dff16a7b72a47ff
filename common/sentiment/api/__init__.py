"""The sentiment model behind HTTP: FastAPI outside, ONNX Runtime inside.

    python -m common.sentiment.api --port 8000

    POST /predict   one text or a batch: probabilities and labels
    GET  /health    200 while the process lives, model or not
    GET  /ready     200 when a verified model serves, else 503 and why not
    GET  /version   which model answers, by name and by the hash of its manifest
    GET  /metrics   counts and times for Prometheus
    GET  /docs      the schemas, with examples to try

Settings are environment variables, listed in `settings.Settings`. From the outside in:

    protocol   HTTP, in bounded memory
    observed   request id, one JSON line a request in the log, metrics, the last net
               under an unexpected error
    gate       in front of every POST: key, rate, content type, size and time of the
               body; it refuses before anything is parsed
    queue      one prediction at a time; lets in whom it can answer in time
    app        FastAPI: JSON and schemas; prediction and operations are its paths
    holder     the predictor, and the watch over its folder: a new model serves once
               it has been verified, the old one until then

Each layer is the module of that name; schemas, refusals, log, metrics and docs are what
they use. `uvicorn common.sentiment.api:create_app --factory` starts the same without
the first layer.

The log holds no text of a user, and no path that is not one of the above, unless
SENTIMENT_LOG_TEXTS is set.

Metrics are those of one process. With several workers (`--workers 4`) a scrape meets
one of them, unless PROMETHEUS_MULTIPROC_DIR names an empty folder: then the workers
keep their numbers in it and each answers for all. A worker that was killed leaves its
counts there, as it should, and its last gauges too, until the folder is emptied.
"""

from common.sentiment.api.app import create_app

__all__ = ["create_app"]
