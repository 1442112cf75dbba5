"""Where configuration files are: a folder, or a bucket under a prefix.

A source gives a revision, cheap to ask for, and the files by their names: alertmanager.yml, tocsin.yml, rules/*.yml,
templates/*.tmpl, oncall/*.ics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, Problem, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What is read of a folder, by its name.
_SUFFIXES = {"rules": (".yml", ".yaml"), "templates": (".tmpl",), "oncall": (".ics",)}


def is_configuration(name: str) -> bool:
    """Say whether a file of this name, relative to the configuration's root, is read."""
    folder, _, file = name.rpartition("/")
    return file.endswith(_SUFFIXES.get(folder, ())) or name in ("alertmanager.yml", "tocsin.yml")


class FolderSource:
    """A folder; its revision is the newest change below it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def revision(self) -> str:
        return "|".join(f"{name}:{path.stat().st_mtime_ns}" for name, path in self._files())

    def read(self) -> Mapping[str, bytes]:
        return {name: path.read_bytes() for name, path in self._files()}

    def _files(self) -> list[tuple[str, Path]]:
        if not self._root.is_dir():
            raise ConfigError([Problem(str(self._root), None, "there is no such folder of configuration files")])
        found = ((path.relative_to(self._root).as_posix(), path) for path in self._root.rglob("*") if path.is_file())
        return sorted((name, path) for name, path in found if is_configuration(name))


class S3Source:
    """Objects below s3://bucket/prefix; the revision is made of their ETags."""

    def __init__(self, uri: str, client: Callable[[], S3Client]) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not bucket:
            raise SettingsError([f"CONFIG_URI: no bucket in {uri!r} (expected s3://bucket or s3://bucket/prefix)"])
        self._bucket = bucket
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._client = client
        self._etags: Mapping[str, str] = {}

    def revision(self) -> str:
        self._etags = self._list()
        return "|".join(f"{name}:{etag}" for name, etag in sorted(self._etags.items()))

    def read(self) -> Mapping[str, bytes]:
        return {
            name: self._client().get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
            for name in sorted(self._etags or self._list())
        }

    def _list(self) -> dict[str, str]:
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        objects = (item for page in pages for item in page.get("Contents", []))
        named = {item["Key"].removeprefix(self._prefix): item["ETag"] for item in objects}
        return {name: etag for name, etag in named.items() if is_configuration(name)}
