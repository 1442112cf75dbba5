"""The function `query` of rule templates: it asks the metrics endpoint, once a tick for each question.

A template must not cost the tick its time, nor other rules theirs. Each question has a short budget, each rule so many
questions and so much time, and so have all rules of a tick together; after a few that had no answer the others fail at
once. One that is refused (it is no PromQL) is an answer: it costs nobody else theirs, and is asked once.
What fails, or is not asked, becomes text in the annotation (law 10); the alert is told all the same. In a label it
fails the rule (law 1): with another label it would be another alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..core import templates
from ..core.templates import QueryResult, TemplateError
from ..errors import QueryError
from ..ports import Metrics, Query
from .patience import UNHURRIED, Patience

BUDGET_SECONDS = 2.0
SECONDS_A_RULE, SECONDS_A_TICK = 3.0, 10.0
QUERIES_A_RULE, QUERIES_A_TICK = 100, 500
# Answers are kept until the tick is over; what does not fit is not asked.
SERIES_A_TICK = 20_000
MOST_FAILURES = 3


class TemplateQueries:
    """Answers of one tick."""

    def __init__(self, metrics: Metrics, patience: Patience = UNHURRIED) -> None:
        self._metrics = metrics
        self._patience = patience.within(SECONDS_A_TICK)
        self._answers: dict[Query, Sequence[QueryResult]] = {}
        self._refused: dict[Query, str] = {}
        self._asked = 0
        self._failures = 0
        self.not_asked = 0

    def of_a_rule(self) -> templates.Query:
        """Return the function for one rule, whose time begins now."""
        patience = self._patience.within(SECONDS_A_RULE)
        asked: list[Query] = []

        def query(expr: str, at: datetime) -> Sequence[QueryResult]:
            """Return the vector. Raises TemplateError with what kept it from being answered."""
            question = Query(expr, at)
            if question in self._refused:
                raise TemplateError(self._refused[question])
            if question not in self._answers:
                if reason := self._too_much(len(asked), patience):
                    self.not_asked += 1
                    raise TemplateError(f"query {expr!r}: not asked, as {reason}")
                asked.append(question)
                self._answers[question] = self._ask(question, patience)
            return self._answers[question]

        return query

    def _too_much(self, asked: int, patience: Patience) -> str:
        if self._failures >= MOST_FAILURES:
            return f"{MOST_FAILURES} others failed in this tick"
        if asked >= QUERIES_A_RULE:
            return f"the rule's templates have asked {QUERIES_A_RULE} others"
        if self._asked >= QUERIES_A_TICK:
            return f"templates have asked {QUERIES_A_TICK} others in this tick"
        if self._patience.is_over:
            return "no time is left for queries of templates in this tick"
        if patience.is_over:
            return f"the rule's templates have asked for {SECONDS_A_RULE:g} seconds"
        if sum(map(len, self._answers.values())) >= SERIES_A_TICK:
            return f"the others have {SERIES_A_TICK} series"
        return ""

    def _ask(self, query: Query, patience: Patience) -> Sequence[QueryResult]:
        self._asked += 1
        (answer,) = self._metrics.query_all([query], budget_seconds=min(BUDGET_SECONDS, patience.seconds_left))
        if isinstance(answer, QueryError):
            said = f"query {query.expr!r}: {answer}"
            if answer.retryable:
                self._failures += 1
            else:
                self._refused[query] = said
            raise TemplateError(said)
        return [QueryResult(sample.labels, sample.value) for sample in answer]
