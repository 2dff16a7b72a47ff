"""An image on the disk, as the Open Container Initiative lays it out.

    image = Image(folder)
    image.layers[0].bytes, image.config["Cmd"]

A folder of blobs, each named by the SHA-256 of its bytes: layers, a configuration, a
manifest that names them.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Layer:
    """A layer of an image, as it is stored."""

    instruction: str
    """The instruction that made it."""
    bytes: int
    """Its files, unpacked."""
    blob: Path
    """Its tar archive, compressed with gzip."""

    @property
    def compressed(self) -> int:
        """What travels over the network, in bytes."""
        return self.blob.stat().st_size


@dataclass(frozen=True)
class Image:
    """An image in the OCI layout: a folder of blobs, each named by its SHA-256."""

    folder: Path

    def blob(self, digest: str) -> Path:
        """Return where the bytes of that digest lie."""
        return self.folder / "blobs" / digest.replace(":", "/")

    def _json(self, digest: str) -> dict[str, Any]:
        return json.loads(self.blob(digest).read_text(encoding="utf-8"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Names the configuration and the layers, by their digests."""
        index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        return self._json(index["manifests"][0]["digest"])

    @cached_property
    def about(self) -> dict[str, Any]:
        """The whole configuration blob, with the history of every instruction."""
        return self._json(self.manifest["config"]["digest"])

    @property
    def config(self) -> dict[str, Any]:
        """What a container of it starts with: Cmd, Env, User, WorkingDir."""
        return self.about["config"]

    @cached_property
    def layers(self) -> list[Layer]:
        """From the lowest to the uppermost."""
        made = [one for one in self.about["history"] if not one.get("empty_layer")]
        layers = []
        for one, entry in zip(made, self.manifest["layers"], strict=True):
            blob = self.blob(entry["digest"])
            with gzip.open(blob) as archive, tarfile.open(fileobj=archive) as tar:
                size = sum(member.size for member in tar)
            words = one.get("created_by", "").replace("/bin/sh -c ", "")
            layers.append(Layer(words.replace("#(nop) ", "").strip(), size, blob))
        return layers
