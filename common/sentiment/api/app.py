"""The application: its paths, and the layers around them."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from common import limits
from common.sentiment import settings as settings_module
from common.sentiment.api.docs import add_docs
from common.sentiment.api.gate import Gate
from common.sentiment.api.holder import Holder
from common.sentiment.api.log import Log
from common.sentiment.api.metrics import Metrics
from common.sentiment.api.observed import Observed
from common.sentiment.api.operations import API_VERSION, add_operations
from common.sentiment.api.prediction import add_prediction
from common.sentiment.api.refusals import http_error, invalid_body
from common.sentiment.settings import Settings, SettingsError

_STARTUP_FAILURE = 3  # uvicorn's own: its supervisor does not start such a worker again


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn's factory.

    Args:
        settings: from the environment if not given. Then settings that cannot be
            used end the process with one sentence, as nobody could catch an error.
    """
    if settings is None:
        try:
            settings = Settings.from_environment()
        except SettingsError as reason:
            print(reason, file=sys.stderr)
            raise SystemExit(_STARTUP_FAILURE) from None
    metrics = Metrics()
    log = Log(settings.log_texts, metrics.lines_dropped.inc)
    holder = Holder(settings, metrics, log)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log.start()
        limits.raise_open_files()
        for sentence in settings_module.misspelt():
            log.write("settings", level="warning", problem=sentence)
        watching = asyncio.create_task(holder.watch())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        pool.shutdown(wait=False, cancel_futures=True)
        log.stop()

    app = FastAPI(
        title="Sentiment of film reviews",
        version=API_VERSION,
        description="Is a review positive or negative? One text, or a batch of them.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages fetch their scripts from the internet
        redoc_url=None,
    )
    app.state.holder, app.state.settings, app.state.log = holder, settings, log
    add_operations(app, holder, settings, metrics)
    add_prediction(app, holder, settings, metrics, pool)
    add_docs(app)
    app.add_exception_handler(RequestValidationError, invalid_body)
    app.add_exception_handler(HTTPException, http_error)
    paths = frozenset(route.path for route in app.routes)
    # The one added last is the outermost
    app.add_middleware(Gate, settings=settings, metrics=metrics)
    app.add_middleware(Observed, paths=paths, metrics=metrics, log=log)
    return app
