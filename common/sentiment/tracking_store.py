"""An MLflow store by its address: opened quietly, or refused in a sentence."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

ADDRESS = "MLFLOW_TRACKING_URI"
"""The variable that every tool of MLflow reads: which store."""

_SQLITE = "sqlite:///"
_SERVERS = ("http://", "https://", "postgresql", "mysql", "mssql")


class TrackingError(RuntimeError):
    """The store that was asked for cannot be used; says why in a sentence."""


def address_in_use() -> str:
    """The store that is configured, "" for none."""
    return os.environ.get(ADDRESS, "").strip()


def connect(address: str) -> MlflowClient:
    """Open a store: a database file under an absolute address, or a server.

    MLflow's telemetry is turned off before MLflow is imported, unless the
    environment says otherwise; its notices about tables are not shown.

    Raises:
        TrackingError: MLflow is not installed, the address is of a kind that MLflow
            keeps no runs in, or depends on the folder in which a program is started,
            or the store does not answer.
    """
    if address.startswith("sqlite:"):
        _refuse_unusable(_database(address))
    elif not address.startswith(_SERVERS):
        raise TrackingError(
            f"{ADDRESS} = {address!r} is no store of runs: name a database by "
            f"{_SQLITE} and an absolute path, or a server by http:// or https://."
        )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A server that is away should cost seconds, not MLflow's minutes of retries
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise TrackingError(
            f"{ADDRESS} is set, but MLflow is not installed: python -m pip install "
            "mlflow, or unset the variable."
        ) from None
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        with _one_at_a_time(address):
            client = MlflowClient(address)
            client.search_experiments(max_results=1)
    except Exception as error:  # MLflow's, SQLAlchemy's or the network's
        reason = f"The store does not answer: {in_a_line(error)}."
        raise TrackingError(reason) from None
    return client


def in_a_line(error: Exception) -> str:
    """What an error says, in one line of bounded length, without a password."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"//[^/@\s]*@", "//", first)[:200].rstrip(" .")


def experiment_of(client: MlflowClient, name: str, address: str) -> str:
    """The id of an experiment, which is made if there is none of that name.

    The artefacts of a database file go into a folder beside it; MLflow itself would
    put them into the folder in which the program was started.

    Raises:
        TrackingError: somebody deleted the experiment.
    """
    from mlflow import MlflowException

    place = None
    if address.startswith(_SQLITE):
        place = (_database(address).parent / "artifacts").as_uri()
    found = client.get_experiment_by_name(name)
    if found is None:
        with contextlib.suppress(MlflowException):  # made by another, this moment
            return client.create_experiment(name, artifact_location=place)
        found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        raise TrackingError(
            f"The experiment {name!r} was deleted from the store: restore it, or "
            "name another one in MLFLOW_EXPERIMENT_NAME."
        )
    return found.experiment_id


def _database(address: str) -> Path:
    """The file of an address such as sqlite:////home/ann/mlflow.db."""
    text = address.removeprefix(_SQLITE)
    if text == address or not (
        Path(text).is_absolute() or PureWindowsPath(text).is_absolute()
    ):
        raise TrackingError(
            f"{ADDRESS} = {address!r} means another file in every folder: write the "
            f"absolute path, as in {_SQLITE}{Path.cwd() / 'mlflow.db'}."
        )
    return Path(text)


@contextlib.contextmanager
def _one_at_a_time(address: str) -> Iterator[None]:
    """Let one process at a time make a database's tables.

    Of two that meet on a new database MLflow 3.17 lets both migrate it, and one fails.
    """
    if not address.startswith(_SQLITE):
        yield
        return
    path = _database(address)
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=120):
        yield


def _refuse_unusable(path: Path) -> None:
    """Look before MLflow does, which would try for minutes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
            database.execute("PRAGMA schema_version").fetchone()
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except (OSError, sqlite3.Error) as error:
        raise TrackingError(
            f"The database {path.name} cannot be used: {error}."
        ) from None
