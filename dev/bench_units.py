"""DynamoDB's bill for what Tocsin does: calls, and the capacity units that AWS charges for them.

The table is moto's, which knows nothing of units, so they are computed here by AWS's rules from the items' sizes:
a read unit is 4 KB read consistently (half a unit otherwise), a write unit 1 KB of the larger of the item before and
after, two in a transaction, and each change of an index's entry is a write of its own.

Sources: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dev import expand

PROJECT = Path(__file__).resolve().parent.parent
REGION = "eu-west-1"
START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
TICKS_A_MONTH = 60 * 24 * 30
_KEYS = ("pk", "sk", "due_shard", "due_at")
_INDEX_OVERHEAD = 100

Item = Mapping[str, Any]


@dataclass(slots=True)
class Meter:
    """Calls by operation, and units."""

    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0.0
    write_units: float = 0.0

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.calls.items())) or "none"


def size_of(value: Mapping[str, Any]) -> int:
    """Return the bytes of an attribute's value as DynamoDB counts them."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = len(content.lstrip("-").replace(".", "").strip("0"))
            return math.ceil(digits / 2) + 1 + content.startswith("-")
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(len(name.encode()) + size_of(each) + 1 for name, each in content.items())
        case "L":
            return 3 + sum(size_of(each) + 1 for each in content)
    raise ValueError(f"no size is known for an attribute of kind {kind}")


def item_size(item: Item | None) -> int:
    """Return the bytes of an item: names and values."""
    return sum(len(name.encode()) + size_of(value) for name, value in (item or {}).items())


def read_units(size: int, *, consistent: bool) -> float:
    """Return what reading so many bytes costs; nothing found costs as much as little."""
    return max(1, math.ceil(size / 4096)) * (1.0 if consistent else 0.5)


def write_units(before: Item | None, after: Item | None, *, transactional: bool) -> float:
    """Return what a write costs that made one item of another."""
    base = max(1, math.ceil(max(item_size(before), item_size(after)) / 1024))
    return base * (2.0 if transactional else 1.0) + _index_units(before, after)


def _index_units(before: Item | None, after: Item | None) -> float:
    """Return the writes of the index `due`: an entry that moves is taken out and put in."""
    old, new = _entry(before), _entry(after)
    return 0.0 if old == new else float((old is not None) + (new is not None))


def _entry(item: Item | None) -> tuple[Any, ...] | None:
    if item is None or "due_shard" not in item or "due_at" not in item:
        return None
    return tuple(str(item[name]) for name in _KEYS)


class Bench:
    """A table on moto, everything that works on it, and a meter between both."""

    def __init__(self, client: Any, files: Mapping[str, bytes], environment: Mapping[str, str]) -> None:
        from tocsin import config
        from tocsin.adapters import dynamodb, memory
        from tocsin.config.patterns import compile_pattern
        from tocsin.pipeline.dispatch import Dispatcher
        from tocsin.pipeline.escalate import Escalator
        from tocsin.pipeline.evaluate import Evaluator
        from tocsin.pipeline.notify import Notifier
        from tocsin.ports import LoadedConfiguration

        self.meter = Meter()
        self._client = client
        table = _metered(dynamodb.Table)(client, self)
        rules, groups = dynamodb.DynamoRules(table), dynamodb.DynamoGroups(table)
        incidents, deliveries = dynamodb.DynamoIncidents(table), dynamodb.DynamoDeliveries(table)
        overrides = dynamodb.DynamoOverrides(table)
        inhibitors, silences = dynamodb.DynamoInhibitors(table), dynamodb.DynamoSilences(table, compile_pattern)
        self.metrics, self.timers, self.topic = memory.MemoryMetrics(), memory.MemoryTimers(), memory.MemoryTopic()
        log = memory.MemoryLog()
        self.loaded = LoadedConfiguration(config.load(files, environment=environment))
        self.evaluator = Evaluator(self.metrics, rules, groups, inhibitors, self.timers, log)
        self.escalations = memory.MemoryEscalations()
        configurations = memory.FixedConfigurations(self.loaded)
        self.dispatcher = Dispatcher(
            configurations,
            groups,
            incidents,
            inhibitors,
            silences,
            self.timers,
            self.topic,
            self.escalations,
            log,
        )
        self.escalator = Escalator(configurations, incidents, overrides, self.timers, log)
        self.notifier = Notifier(lambda notification, *, now: "ok", groups, deliveries, log)

    def measure(self, work: Callable[[], object]) -> Meter:
        """Run something, and return what it cost."""
        self.meter = Meter()
        work()
        return self.meter

    def tick(self, minutes: float) -> None:
        from tocsin.pipeline import evaluate

        evaluate.run(self.evaluator, self.loaded, now=START + timedelta(minutes=minutes))

    def dispatch(self, minutes: float) -> None:
        """Look at every group whose timer rang by then."""
        from tocsin.pipeline import dispatch

        now = START + timedelta(minutes=minutes)
        for group in sorted({group for _, group in self.timers.take_due(now)}):
            dispatch.run(self.dispatcher, group, at=now, now=now)

    def escalate(self, minutes: float) -> None:
        from tocsin.pipeline import escalate

        escalate.run(self.escalator, self.escalations.started[-1], now=START + timedelta(minutes=minutes))

    def deliver(self, minutes: float) -> None:
        """Deliver what was published last."""
        import json

        from tocsin.core.notifications import from_json
        from tocsin.pipeline import notify

        notification = from_json(json.loads(self.topic.messages[-1]))
        notify.run(self.notifier, notification, now=START + timedelta(minutes=minutes))

    def fire(self, count: int, *, series: int = 1) -> None:
        """Have the expressions of the first rules hold for so many series, and of no other."""
        from tocsin.core.rules import Sample

        self.metrics.results.clear()
        for rule in self.loaded.configuration.rules()[:count]:
            samples = [Sample({"instance": f"10.0.0.{number}:9100", "job": "node"}, 0.97) for number in range(series)]
            self.metrics.results[rule.expr] = samples


def _metered(table_class: Any) -> Callable[[Any, Bench], Any]:
    """Return a table whose calls are counted; what a write found and left is read beside the meter."""

    class Metered(table_class):
        def __init__(self, client: Any, bench: Bench) -> None:
            super().__init__("bench", lambda: client)
            self._bench = bench

        def call(self, operation: str, **arguments: Any) -> Any:
            meter = self._bench.meter
            meter.calls["".join(part.title() for part in operation.split("_"))] += 1
            writes = [] if operation in ("query", "get_item") else list(_written(operation, arguments))
            before = [self._look(key) for key in writes]
            try:
                answer = super().call(operation, **arguments)
            finally:
                # A condition that fails is charged as well.
                for key, found in zip(writes, before, strict=True):
                    transactional = operation == "transact_write_items"
                    meter.write_units += write_units(found, self._look(key), transactional=transactional)
            if not writes:
                items = answer.get("Items", [answer.get("Item")])
                size = sum(map(item_size, items))
                if "IndexName" in arguments:
                    size += _INDEX_OVERHEAD * len(items)
                meter.read_units += read_units(size, consistent=arguments.get("ConsistentRead", False))
            return answer

        def _look(self, key: Item) -> Item | None:
            found: Item | None = self._client().get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")
            return found

    return Metered


def _written(operation: str, arguments: Mapping[str, Any]) -> Iterator[Item]:
    """Yield the keys of what a call writes."""
    if operation == "transact_write_items":
        bodies = [body for action in arguments["TransactItems"] for body in action.values()]
    else:
        bodies = [arguments]
    for body in bodies:
        item = body.get("Key") or body["Item"]
        yield {name: item[name] for name in ("pk", "sk")}


@contextmanager
def bench(files: Mapping[str, bytes], **environment: str) -> Iterator[Bench]:
    """Make an installation of a configuration over the template's table."""
    import boto3
    from moto import mock_aws

    properties = expand.read(PROJECT / "template.yaml")["Resources"]["Table"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(TableName="bench", **{name: properties[name] for name in wanted})
        yield Bench(client, files, environment)


def shipped() -> dict[str, bytes]:
    """Return the four rules, the receivers and the escalation that are shipped."""
    from tocsin import config

    return config.read_folder(PROJECT / "functions" / "config")


def many_rules(count: int) -> dict[str, bytes]:
    """Return the shipped receivers with so many rules in five groups."""
    lines = ["groups:"]
    for number in range(count):
        if number % max(1, count // 5) == 0:
            lines += [f"  - name: group-{number}", "    rules:"]
        lines += [
            f"      - alert: Rule{number}",
            f"        expr: metric_{number} > 0.9",
            "        labels: {severity: warning, team: platform}",
            '        annotations: {summary: "{{ $labels.instance }} is at {{ $value }}", runbook_url: "https://x/y"}',
        ]
    kept = {name: text for name, text in shipped().items() if name == "alertmanager.yml"}
    return {**kept, "rules/bench.yml": "\n".join(lines).encode()}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    meter: Meter


def rows() -> Iterator[Row]:
    """Yield what each part of an alert's life costs."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
    with bench(shipped()) as small:
        small.tick(0)
        yield Row("quiet tick, 4 rules", small.measure(lambda: small.tick(1)))
        small.fire(1)
        yield Row("tick in which an alert fires", small.measure(lambda: small.tick(2)))
        yield Row("tick in which it goes on", small.measure(lambda: small.tick(3)))
        yield Row("look at its group: told, incident opened", small.measure(lambda: small.dispatch(3)))
        yield Row("escalation's question: first step", small.measure(lambda: small.escalate(3)))
        yield Row("look at its group: a step is told", small.measure(lambda: small.dispatch(3)))
        yield Row("delivery to one integration", small.measure(lambda: small.deliver(3)))
        yield Row("the same delivery again", small.measure(lambda: small.deliver(3)))
        yield Row("look in which nothing is told", small.measure(lambda: small.dispatch(8)))
        small.fire(0)
        yield Row("tick in which it resolves", small.measure(lambda: small.tick(9)))
        yield Row("look at its group: resolution told, incident closed", small.measure(lambda: small.dispatch(14)))
    with bench(shipped(), TOCSIN_WATCHDOG="enabled") as watched:
        watched.tick(0)
        watched.dispatch(0)
        watched.deliver(0)
        yield Row("quiet tick beside the watchdog", watched.measure(lambda: watched.tick(1)))
        yield Row("the watchdog's look, every 10 minutes", watched.measure(lambda: watched.dispatch(10)))
        yield Row("the watchdog's delivery", watched.measure(lambda: watched.deliver(10)))
    with bench(many_rules(100)) as large:
        large.tick(0)
        yield Row("quiet tick, 100 rules", large.measure(lambda: large.tick(1)))
        large.fire(20, series=10)
        yield Row("tick in which 20 of 100 rules fire, 10 series each", large.measure(lambda: large.tick(2)))
        yield Row("tick in which they go on", large.measure(lambda: large.tick(3)))
        yield Row("look at their groups", large.measure(lambda: large.dispatch(3)))
