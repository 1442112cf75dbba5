"""A shell for the command, with a state folder of its own and nothing of this machine's environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.receivers import Receivers
from tests.cli.commands import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    # botocore reads the process's own environment: it must find nothing there, and ask no metadata service.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return Shell(capsys, {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path)


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with Receivers() as running:
        yield running
