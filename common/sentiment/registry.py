"""Versions of the sentiment model, and which of them serves.

    registry = Registry(folder)
    version = registry.register(bundle, tags={"commit": "0a1b2c3"})
    registry.promote(version, expected_champion=registry.champion)
    registry.deploy(served)             # what a running API watches
    registry.rollback()

The versions are MLflow's, in a database and a folder of artefacts. Which one serves is
*one* value, a tag of the model that holds champion and previous together: it is
written in one transaction, so a promotion that is killed has happened or has not. The
aliases champion, challenger and previous, which people look at, follow that value;
`reconcile` repairs them after a crash.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import filelock

from common.sentiment import bundle
from common.sentiment.bundle import BundleError
from common.sentiment.tracking_store import connect, experiment_of

NAME = "sentiment"
_SERVING = "serving"
_DIGEST = "manifest_sha256"
_LOCK_SECONDS = 30.0


class RegistryError(RuntimeError):
    """A version that cannot be used, or a step that must not be made; says why."""


class Serving(NamedTuple):
    """Which versions the registry's one value names; None where there is none."""

    champion: int | None = None
    previous: int | None = None
    decided_by: str = ""
    """Why the champion serves: a run, a name, a sentence."""


class Registry:
    """The versions in one folder; made at the first use.

    Attributes:
        folder: holds mlflow.db, artifacts/ and a lock file.
        address: of the database, as MLflow's tools read it.
        client: MLflow's own, for all that this class does not do.
    """

    def __init__(self, folder: str | Path, name: str = NAME):
        """Open the registry; raises TrackingError if the store cannot be used."""
        self.folder = Path(folder).absolute()
        self.address = f"sqlite:///{self.folder / 'mlflow.db'}"
        self.name = name
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        with warnings.catch_warnings():  # tqdm misses ipywidgets; nothing is drawn
            warnings.filterwarnings("ignore", message="IProgress not found")
            self.client = connect(self.address)
        self.experiment = experiment_of(self.client, name, self.address)
        with contextlib.suppress(Exception):  # it is there already
            self.client.create_registered_model(name)

    # --- Versions --------------------------------------------------------------------

    def register(
        self,
        folder: str | Path,
        *,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> int:
        """Keep an exported model as the next version, as challenger.

        Args:
            folder: what `export.export` wrote; every file of it is verified first.
            run_id: the run that made it; a run of its own without.
            tags: what else should be known of it, for example its commit.

        Raises:
            BundleError: the folder is not whole.
        """
        folder = Path(folder)
        manifest = bundle.read(folder, needs=bundle.ONNX_MODEL)
        _, digest = bundle.read_manifest(folder)
        known = {
            _DIGEST: digest,
            "kind": manifest.kind,
            "code_sha256": manifest.code_sha256,
            "data_sha256": str(manifest.data.get("sha256", "")),
            **(tags or {}),
        }
        if run_id is None:
            run = self.client.create_run(self.experiment, tags={"source": "register"})
            run_id = run.info.run_id
            self.client.set_terminated(run_id)
        with tempfile.TemporaryDirectory() as parent:
            _save_pyfunc(folder, Path(parent) / "model")
            self.client.log_artifacts(run_id, str(Path(parent) / "model"), "model")
        source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
        made = self.client.create_model_version(self.name, source, run_id, tags=known)
        version = int(made.version)
        self.client.set_registered_model_alias(self.name, "challenger", str(version))
        return version

    def versions(self) -> list[Any]:
        """Every version, the oldest first, as MLflow describes it."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda one: int(one.version))

    def lineage(self, version: int) -> dict[str, str]:
        """Where a version comes from: its run, and every tag that it was given."""
        one = self._described(version)
        return {"version": str(version), "run_id": one.run_id, **one.tags}

    def folder_of(self, version: int) -> Path:
        """The folder of a version's bundle, whole and as it was registered.

        Raises:
            RegistryError: there is no such version, or its files were changed, moved
                or lost since.
        """
        one = self._described(version)
        source = self.client.get_model_version_download_uri(self.name, str(version))
        folder = Path(_local_path(source)) / "artifacts"
        inside = [path for path in folder.glob("*") if path.is_dir()]
        folder = inside[0] if inside else folder
        try:
            bundle.read(folder, needs=bundle.ONNX_MODEL)
            _, digest = bundle.read_manifest(folder)
        except BundleError as reason:
            raise RegistryError(f"Version {version} cannot be used: {reason}") from None
        if digest != one.tags.get(_DIGEST):
            raise RegistryError(
                f"Version {version} is not what was registered: its manifest changed. "
                "Register the model again."
            )
        return folder

    def _described(self, version: int) -> Any:
        from mlflow import MlflowException

        try:
            return self.client.get_model_version(self.name, str(version))
        except MlflowException:
            known = ", ".join(str(one.version) for one in self.versions()) or "none"
            raise RegistryError(
                f"There is no version {version} of {self.name!r}; there are: {known}."
            ) from None

    # --- Which one serves ------------------------------------------------------------

    @property
    def serving(self) -> Serving:
        """Champion and previous, from the one value that decides."""
        text = self.client.get_registered_model(self.name).tags.get(_SERVING)
        return Serving(**json.loads(text)) if text else Serving()

    @property
    def champion(self) -> int | None:
        """The version that serves; None before the first promotion."""
        return self.serving.champion

    def promote(
        self, version: int, *, expected_champion: int | None, decided_by: str = ""
    ) -> Serving:
        """Make a version the champion, if the one it was compared with still is.

        Args:
            version: whose files are verified before anything is written.
            expected_champion: the champion that the decision was made against; None
                if there was none.
            decided_by: kept with the decision.

        Raises:
            RegistryError: the version cannot be used, or somebody promoted another
                one meanwhile: then compare again, with the champion of now.
        """
        self.folder_of(version)
        with self._alone():
            now = self.serving
            if now.champion != expected_champion:
                raise RegistryError(
                    f"Version {version} was compared with version {expected_champion}, "
                    f"but version {now.champion} serves by now: compare again."
                )
            if now.champion == version:
                return now
            return self._write(Serving(version, now.champion, decided_by))

    def rollback(self, decided_by: str = "rollback") -> Serving:
        """Let the previous champion serve again; the two change places.

        Raises:
            RegistryError: there is no previous one, or it cannot be used.
        """
        with self._alone():
            now = self.serving
            if now.previous is None:
                raise RegistryError("There is no earlier champion to go back to.")
            self.folder_of(now.previous)
            return self._write(Serving(now.previous, now.champion, decided_by))

    def reconcile(self) -> None:
        """Let the aliases say what the one value says; after a crash they may not."""
        with self._alone():
            self._point_aliases(self.serving)

    def _write(self, serving: Serving) -> Serving:
        value = json.dumps(serving._asdict())
        self.client.set_registered_model_tag(self.name, _SERVING, value)  # decides
        self._point_aliases(serving)
        return serving

    def _point_aliases(self, serving: Serving) -> None:
        model = self.client.get_registered_model(self.name)
        wanted = {"champion": serving.champion, "previous": serving.previous}
        challenger = model.aliases.get("challenger")
        if challenger is not None and int(challenger) == serving.champion:
            wanted["challenger"] = None  # it is no challenger any more
        for alias, version in wanted.items():
            if version is None and alias in model.aliases:
                self.client.delete_registered_model_alias(self.name, alias)
            elif version is not None and model.aliases.get(alias) != str(version):
                self.client.set_registered_model_alias(self.name, alias, str(version))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        lock = filelock.FileLock(self.folder / "registry.lock", timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise RegistryError(
                "Somebody else is promoting and does not finish: try again later."
            ) from None
        try:
            yield
        finally:
            lock.release()

    # --- To the service --------------------------------------------------------------

    def deploy(self, target: str | Path) -> int:
        """Bring the champion's files to the folder that a running API watches.

        They are copied beside it and change places with what is there by two renames;
        between them the folder is missing for a moment. The API goes on with the model
        in its memory until it has verified the new one.

        Returns:
            The version that is there now.

        Raises:
            RegistryError: nothing was promoted yet, or the champion cannot be used.
        """
        target = Path(target).absolute()
        with self._alone():
            champion = self.serving.champion
            if champion is None:
                raise RegistryError("No version was promoted yet: nothing to deploy.")
            source = self.folder_of(champion)
            part, old = (
                target.with_name(f".{target.name}.{x}") for x in ("new", "old")
            )
            for left in (part, old):  # by a deployment that was killed
                shutil.rmtree(left, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, part)
            if target.exists():
                os.replace(target, old)
            os.replace(part, target)
            shutil.rmtree(old, ignore_errors=True)
        return champion


def _save_pyfunc(folder: Path, target: Path) -> None:
    """Write MLflow's model folder: served_model.py, the bundle, a signature."""
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, Schema

    signature = ModelSignature(
        Schema([ColSpec("string", "text")]), Schema([ColSpec("double", "probability")])
    )
    with warnings.catch_warnings():  # it would run the model on an example
        warnings.filterwarnings("ignore", message=".*input example.*")
        save_model(
            str(target),
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={"bundle": str(folder)},
            signature=signature,
            pip_requirements=["numpy", "onnxruntime", "pydantic"],
        )


def _local_path(uri: str) -> str:
    from mlflow.utils.file_utils import local_file_uri_to_path

    return local_file_uri_to_path(uri)
