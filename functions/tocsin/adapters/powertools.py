"""Log lines as JSON and metrics in CloudWatch's embedded format, by Powertools.

Source: https://docs.aws.amazon.com/powertools/python/latest/
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from ..core.redaction import Redaction

# The line that is logged is our caller's, not this module's.
_CALLER = 3
# logging refuses `extra` fields that bear the name of a record's own; the others are the log line's own keys.
_TAKEN = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "level",
    "location",
    "timestamp",
    "service",
}


class PowertoolsLog:
    """Structured log and counters; counters are written by `flush`, once an invocation.

    `redaction` gives what no line may hold: that of the configuration in force.
    """

    def __init__(
        self, service: str, *, namespace: str = "Tocsin", redaction: Callable[[], Redaction] = Redaction
    ) -> None:
        self._service = service
        self._redaction = redaction
        self._namespace = namespace
        self._logger = Logger(service=service)
        self._metrics = Metrics(service=service, namespace=namespace)
        self._has_counted = False

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra=self._shown(fields), stacklevel=_CALLER)

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=self._shown(fields), stacklevel=_CALLER)

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra=self._shown(fields), stacklevel=_CALLER)

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None:
        """Count under the service alone, as alarms look at it, and under the dimensions as well where there are any."""
        self._add(metric, MetricUnit.Count, value, dimensions)

    def observe(self, metric: str, seconds: float, **dimensions: str) -> None:
        """Note how long something took, in the same way."""
        self._add(metric, MetricUnit.Seconds, seconds, dimensions)

    def _add(self, metric: str, unit: MetricUnit, value: float, dimensions: Mapping[str, str]) -> None:
        self._has_counted = True
        self._metrics.add_metric(metric, unit, value)
        if dimensions:
            with single_metric(metric, unit, value, namespace=self._namespace) as single:
                single.add_dimension("service", self._service)
                for name, text in dimensions.items():
                    single.add_dimension(name, text)

    def flush(self) -> None:
        # Powertools would warn about nothing to write, in a line that is no JSON.
        if self._has_counted:
            self._has_counted = False
            self._metrics.flush_metrics()

    def _shown(self, fields: dict[str, object]) -> dict[str, object]:
        shown: dict[str, object] = self._redaction().value(fields)
        return {f"{name}_" if name in _TAKEN else name: value for name, value in shown.items()}
