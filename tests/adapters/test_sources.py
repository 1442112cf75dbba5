"""Where configuration files are: what is read, and that a revision changes when anything does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tocsin.adapters.sources import FolderSource, S3Source, is_configuration
from tocsin.errors import ConfigError, SettingsError

FILES = {
    "alertmanager.yml": b"route: {receiver: a}\n",
    "tocsin.yml": b"",
    "rules/a.yml": b"groups: []\n",
    "rules/b.yaml": b"groups: []\n",
    "oncall/primary.ics": b"BEGIN:VCALENDAR\n",
}
BUCKET = "tocsin-config"
OTHERS = {
    "README.md": b"x",
    "rules/deep/c.yml": b"x",
    "rules/d.txt": b"x",
    "oncall/a.yml": b"x",
    "other/alertmanager.yml": b"x",
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_read(name: str):
    assert is_configuration(name)


@pytest.mark.parametrize("name", [*OTHERS, "alertmanager.yaml", "rules.yml", "rules/", ""])
def test_it_is_left_alone(name: str):
    assert not is_configuration(name)


def write(root: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class TestFolder:
    def test_the_files_are_read_by_their_names(self, tmp_path: Path):
        write(tmp_path, {**FILES, **OTHERS})
        assert FolderSource(tmp_path).read() == FILES

    def test_the_revision_stays_while_nothing_changes(self, tmp_path: Path):
        write(tmp_path, FILES)
        assert FolderSource(tmp_path).revision() == FolderSource(tmp_path).revision()

    def test_the_revision_changes_with_a_file(self, tmp_path: Path):
        write(tmp_path, FILES)
        before = FolderSource(tmp_path).revision()
        os.utime(tmp_path / "tocsin.yml", ns=(1, 1))
        assert FolderSource(tmp_path).revision() != before

    def test_the_revision_changes_when_a_file_comes_or_goes(self, tmp_path: Path):
        write(tmp_path, FILES)
        source = FolderSource(tmp_path)
        first = source.revision()
        (tmp_path / "rules/a.yml").unlink()
        second = source.revision()
        write(tmp_path, {"rules/z.yml": b""})
        assert len({first, second, source.revision()}) == 3

    def test_what_is_not_read_changes_nothing(self, tmp_path: Path):
        write(tmp_path, FILES)
        before = FolderSource(tmp_path).revision()
        write(tmp_path, OTHERS)
        assert FolderSource(tmp_path).revision() == before

    def test_a_folder_that_is_not_there_is_said(self, tmp_path: Path):
        with pytest.raises(ConfigError, match="there is no such folder of configuration files"):
            FolderSource(tmp_path / "nowhere").revision()


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def put(client: Any, prefix: str, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        client.put_object(Bucket=BUCKET, Key=prefix + name, Body=content)


class TestS3:
    @pytest.mark.parametrize(
        ("uri", "prefix"),
        [
            ("s3://tocsin-config", ""),
            ("s3://tocsin-config/", ""),
            ("s3://tocsin-config/tocsin", "tocsin/"),
            ("s3://tocsin-config/tocsin/", "tocsin/"),
            ("s3://tocsin-config/a/b", "a/b/"),
        ],
    )
    def test_the_objects_below_the_prefix_are_read(self, s3: Any, uri: str, prefix: str):
        put(s3, prefix, {**FILES, **OTHERS})
        put(s3, "elsewhere/", FILES)
        source = S3Source(uri, lambda: s3)
        source.revision()
        assert source.read() == FILES
        assert S3Source(uri, lambda: s3).read() == FILES, "without asking for the revision first"

    def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(self, s3: Any):
        put(s3, "tocsin-old/", FILES)
        assert S3Source("s3://tocsin-config/tocsin", lambda: s3).read() == {}

    def test_the_revision_changes_with_the_content_and_comes_back_with_it(self, s3: Any):
        put(s3, "", FILES)
        source = S3Source("s3://tocsin-config", lambda: s3)
        first = source.revision()
        put(s3, "", {"rules/a.yml": b"groups: [{}]\n"})
        second = source.revision()
        put(s3, "", FILES)
        assert (first != second, source.revision()) == (True, first)

    def test_more_objects_than_one_page_holds_are_all_read(self, s3: Any, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
        rules = {f"rules/{number}.yml": b"groups: []\n" for number in range(8)}
        put(s3, "", rules)
        assert s3.list_objects_v2(Bucket=BUCKET)["IsTruncated"]
        assert S3Source("s3://tocsin-config", lambda: s3).read() == rules

    def test_a_uri_without_a_bucket_is_said(self):
        with pytest.raises(SettingsError, match="CONFIG_URI: no bucket in 's3:///x'"):
            S3Source("s3:///x", lambda: None)  # type: ignore[arg-type,return-value]
