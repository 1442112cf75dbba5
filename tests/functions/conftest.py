"""A deployment on moto, a metrics endpoint and receivers, for the functions' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from dev.receivers import Receivers
from tests.adapters.endpoint import Endpoint, endpoint
from tests.functions.deployment import Deployment, reset_powertools


@pytest.fixture
def metrics() -> Iterator[Endpoint]:
    with endpoint() as running:
        yield running


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with Receivers() as running:
        yield running


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """An environment without resources: whoever calls AWS is refused."""
    with mock_aws():
        yield Deployment(monkeypatch)
    reset_powertools()


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, metrics: Endpoint) -> Iterator[Deployment]:
    with mock_aws():
        deployment = Deployment(
            monkeypatch,
            TOCSIN_PROMETHEUS_URL=metrics.url,
            TOCSIN_PROMETHEUS_AUTH="none",
            # It always fires: who wants it says so.
            TOCSIN_WATCHDOG="disabled",
        )
        deployment.create()
        yield deployment
    reset_powertools()
