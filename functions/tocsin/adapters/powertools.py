"""Log lines as JSON and metrics in CloudWatch's embedded format, by Powertools.

Source: https://docs.aws.amazon.com/powertools/python/latest/
"""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric


class PowertoolsLog:
    """Structured log and counters; counters are written by `flush`, once an invocation."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = Logger(service=service)
        self._metrics = Metrics(service=service)

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra=_named(fields))

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=_named(fields))

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra=_named(fields))

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None:
        """Count under the service alone, as alarms look at it, and under the dimensions as well where there are any."""
        self._metrics.add_metric(metric, MetricUnit.Count, value)
        if dimensions:
            with single_metric(metric, MetricUnit.Count, value, namespace=self._metrics.namespace) as single:
                single.add_dimension("service", self._service)
                for name, text in dimensions.items():
                    single.add_dimension(name, text)

    def flush(self) -> None:
        self._metrics.flush_metrics(raise_on_empty_metrics=False)


def _named(fields: dict[str, object]) -> dict[str, object]:
    # logging refuses `extra` fields that bear the name of a record's own.
    return {"module_name" if name == "module" else name: value for name, value in fields.items()}
