"""The function `query` of rule templates: it asks the metrics endpoint, once a tick for each question.

A template must not cost the tick its time: each question has a short budget, and after a few that failed the others
fail at once. What fails becomes text in the annotation (law 10); the alert is told all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..core.templates import QueryResult, TemplateError
from ..errors import QueryError
from ..ports import Metrics, Query

BUDGET_SECONDS = 2.0
MOST_FAILURES = 3


class TemplateQueries:
    """Answers of one tick."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._answers: dict[Query, Sequence[QueryResult]] = {}
        self._failures = 0

    def __call__(self, expr: str, at: datetime) -> Sequence[QueryResult]:
        """Return the vector. Raises TemplateError with what kept it from being answered."""
        query = Query(expr, at)
        if query not in self._answers:
            self._answers[query] = self._ask(query)
        return self._answers[query]

    def _ask(self, query: Query) -> Sequence[QueryResult]:
        if self._failures >= MOST_FAILURES:
            raise TemplateError(f"query {query.expr!r}: not asked, as {MOST_FAILURES} others failed in this tick")
        (answer,) = self._metrics.query_all([query], budget_seconds=BUDGET_SECONDS)
        if isinstance(answer, QueryError):
            self._failures += 1
            raise TemplateError(f"query {query.expr!r}: {answer}")
        return [QueryResult(sample.labels, sample.value) for sample in answer]
