"""Connections to the tests' own servers on this machine, where nothing is sent unless somebody allows it."""

from __future__ import annotations

from functools import partial

import urllib3

from tocsin.adapters.guarded import guarded
from tocsin.adapters.http import Http, PooledTransport
from tocsin.adapters.http_config import HttpClients, pooled
from tocsin.adapters.targets import AT_HOME, read_targets

LOCAL = read_targets(AT_HOME)


def local_transport() -> PooledTransport:
    return PooledTransport(guarded(urllib3.PoolManager(num_pools=8, maxsize=4), LOCAL))


def local_clients(http: Http) -> HttpClients:
    return HttpClients(http, make=partial(pooled, targets=LOCAL), targets=LOCAL)
