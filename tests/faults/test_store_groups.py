"""Groups: written while they are read, and an index that is behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tests.adapters.test_store_contract import GROUP, NOW, SECOND, alert, by_fingerprint, loaded, told
from tests.faults.dynamo import FaultyDynamo, faulty_dynamodb
from tocsin.core.grouping import Flush
from tocsin.core.labels import Fingerprint
from tocsin.core.notifications import Sent
from tocsin.core.receivers import IntegrationKey
from tocsin.errors import ConflictError, StoreError


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyDynamo]:
    with faulty_dynamodb() as dynamo:
        yield dynamo


@pytest.fixture
def dynamo(running: FaultyDynamo) -> Iterator[FaultyDynamo]:
    yield running
    running.heal()
    running.waits.clear()


def wide(name: str, *, at=NOW):
    """Return an alert of which a page of a query holds a dozen."""
    return alert(name, at=at, description="x" * 80_000)


def after_the_first_page(dynamo: FaultyDynamo, happens) -> None:
    dynamo.before("Query", lambda: dynamo.before("Query", happens))


def test_what_is_told_while_a_group_is_read_makes_the_commit_conflict(dynamo):
    """Else an alert that fires while its group is about to end would have no timer: nobody would ever look at it."""
    store = dynamo.store()
    told(store, *(wide(f"b{number}") for number in range(30)))
    # Its key is on the first page, which has been read by then.
    late = min((alert(f"a{number}", at=NOW + SECOND) for number in range(100)), key=lambda each: each.fingerprint)
    after_the_first_page(dynamo, lambda: store.tell(GROUP, [late], first_flush_at=NOW))
    torn = loaded(store)
    assert len(torn.alerts) == 30
    with pytest.raises(ConflictError):
        store.commit(torn.group, Flush(group=replace(torn.group, next_flush_at=None, look_at=None)), now=NOW)
    whole = loaded(store)
    assert late.fingerprint in whole.alerts
    assert whole.group.look_at is not None


def logged(group, seed: int):
    """Return a group with a log of three parts."""
    random = Random(seed)
    many = frozenset(Fingerprint(random.randbytes(8).hex()) for _ in range(80_000))
    return replace(group, sent={IntegrationKey("team/slack/0"): Sent(many, frozenset(), NOW, seed)})


def test_a_log_that_is_written_while_it_is_read_is_read_again(dynamo):
    store = dynamo.store()
    before = told(store).group
    store.commit(before, Flush(group=logged(before, 1)), now=NOW)
    second = loaded(store).group
    dynamo.before("Query", lambda: store.commit(second, Flush(group=logged(second, 2)), now=NOW))
    group = loaded(store).group
    assert (group.sent, group.version) == (logged(second, 2).sent, second.version + 1)


def test_a_log_that_never_holds_still_is_an_error_not_a_wrong_log(dynamo):
    store = dynamo.store()
    before = told(store).group
    store.commit(before, Flush(group=logged(before, 1)), now=NOW)
    store.table.delete(f"group#{GROUP.id}", "head#part001")
    with pytest.raises(StoreError, match="again and again"):
        store.load_group(GROUP.id, now=NOW)


def test_being_told_keeps_the_log(dynamo):
    store = dynamo.store()
    before = told(store).group
    store.commit(before, Flush(group=logged(before, 1)), now=NOW)
    state = told(store, alert("b"))
    assert state.group.sent == logged(before, 1).sent
    assert state.alerts == by_fingerprint(alert("a"), alert("b"))


# An index that is behind


def test_an_index_that_is_behind_names_a_group_that_is_due_no_more(dynamo):
    store = dynamo.store()
    before = told(store, first_flush_at=NOW).group
    behind = dynamo.client.query(
        TableName=store.table_name,
        IndexName="due",
        KeyConditionExpression="due_shard = :shard",
        ExpressionAttributeValues={":shard": {"S": "0"}},
    )["Items"]
    later = NOW + timedelta(minutes=5)
    store.commit(before, Flush(group=replace(before, next_flush_at=later, look_at=later)), now=NOW)
    assert list(store.overdue(before=NOW, limit=10)) == []
    dynamo.change_answer("Query", lambda answer: answer.update(Items=behind, Count=1))
    assert list(store.overdue(before=NOW, limit=10)) == [GROUP.id]
    assert not loaded(store).group.is_due(NOW), "and whoever looks at it finds nothing to do"


def test_an_index_that_is_behind_misses_a_group_until_it_is_not(dynamo):
    store = dynamo.store()
    told(store, first_flush_at=NOW)
    dynamo.change_answer("Query", lambda answer: answer.update(Items=[], Count=0))
    assert list(store.overdue(before=NOW, limit=10)) == []
    assert list(store.overdue(before=NOW, limit=10)) == [GROUP.id]
