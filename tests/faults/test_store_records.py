"""Rules' records: larger than an item, written by two at once, read while they are written, cut short by a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from tests.adapters.test_store_contract import KEY, NOW, active, by_fingerprint
from tests.faults.dynamo import FaultyDynamo, faulty_dynamodb, items_of
from tocsin.core.labels import Fingerprint
from tocsin.core.rules import ActiveAlert, RuleKey
from tocsin.errors import ConflictError, StoreError
from tocsin.ports import RuleRecord

OTHER = RuleKey("rules.yml;disks;Other;0")


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyDynamo]:
    with faulty_dynamodb() as dynamo:
        yield dynamo


@pytest.fixture
def dynamo(running: FaultyDynamo) -> Iterator[FaultyDynamo]:
    yield running
    running.heal()


def some(count: int = 1, *, seed: int = 0, size: int = 0) -> dict[Fingerprint, ActiveAlert]:
    """Return alerts whose annotations compression halves, and no more."""
    random = Random(seed)
    alerts = (active(f"{number:05d}", noise=random.randbytes(size).hex()) for number in range(count))
    return by_fingerprint(*(replace(alert, value=1.0) for alert in alerts))


def large(record: RuleRecord, *, seed: int = 0) -> RuleRecord:
    """Return a record of three parts or four."""
    return replace(record, active=some(20, seed=seed, size=45_000))


def tails(store) -> list[str]:
    return sorted(sk for pk, sk in items_of(store) if pk == "rules" and "#tail" in sk)


def test_a_record_larger_than_any_transaction_is_kept_whole(dynamo):
    store = dynamo.store()
    record = RuleRecord(KEY, active=some(100, size=45_000))
    store.save_rule(record, now=NOW)
    assert len(tails(store)) * 300 * 1024 > 4 * 1024 * 1024
    assert dynamo.store_over(store.table_name).load_rules(now=NOW)[KEY].active.keys() == record.active.keys()


def test_old_tails_go_when_a_record_is_written_anew(dynamo):
    store = dynamo.store()
    first = store.save_rule(large(RuleRecord(KEY)), now=NOW)
    many = len(tails(store))
    assert many > 2
    second = store.save_rule(large(first, seed=1), now=NOW)
    assert len(tails(store)) == many
    after_a_restart = dynamo.store_over(store.table_name)
    assert after_a_restart.load_rules(now=NOW)[KEY].version == second.version
    after_a_restart.save_rule(replace(second, active={}), now=NOW)
    assert tails(store) == []


def test_a_record_that_is_rewritten_while_it_is_read_is_read_as_it_is_then(dynamo):
    store = dynamo.store()
    written = store.save_rule(large(RuleRecord(KEY)), now=NOW)
    store.save_rule(large(RuleRecord(OTHER)), now=NOW)
    writer = dynamo.store_over(store.table_name)
    writer.load_rules(now=NOW)
    # A page holds 1 MB: the head is on the first, and some of its tails on another.
    dynamo.before("Query", lambda: dynamo.before("Query", lambda: writer.save_rule(large(written, seed=7), now=NOW)))
    records = dynamo.store_over(store.table_name).load_rules(now=NOW)
    assert records[KEY].version == written.version + 1
    assert records[KEY].active == large(written, seed=7).active
    assert records[OTHER].active == large(RuleRecord(OTHER)).active


def test_of_two_writers_one_counts_and_what_the_other_left_goes(dynamo):
    store = dynamo.store()
    first = store.save_rule(large(RuleRecord(KEY)), now=NOW)
    winner, loser = dynamo.store_over(store.table_name), dynamo.store_over(store.table_name)
    second = winner.save_rule(large(first, seed=1), now=NOW)
    with pytest.raises(ConflictError):
        loser.save_rule(large(first, seed=2), now=NOW)
    reader = dynamo.store_over(store.table_name)
    assert reader.load_rules(now=NOW)[KEY].active == second.active
    reader.save_rule(large(second, seed=3), now=NOW)
    assert len(tails(store)) == len({name.rpartition(".")[2] for name in tails(store)}), "one record's tails"


@pytest.mark.parametrize("number", range(4))
def test_a_write_that_is_cut_short_leaves_the_record_as_it_was(dynamo, number):
    store = dynamo.store()
    first = store.save_rule(large(RuleRecord(KEY)), now=NOW)
    for _ in range(number):
        dynamo.let_through("PutItem")
    dynamo.refuse("PutItem", "InternalServerError")
    with pytest.raises(StoreError):
        store.save_rule(large(first, seed=1), now=NOW)
    reader = dynamo.store_over(store.table_name)
    assert reader.load_rules(now=NOW)[KEY].active == first.active
    again = reader.save_rule(large(first, seed=1), now=NOW)
    assert again.version == first.version + 1
    assert len(tails(store)) == len({name.rpartition(".")[2] for name in tails(store)})


def test_old_tails_that_cannot_be_deleted_harm_nothing_and_go_later(dynamo):
    store = dynamo.store()
    first = store.save_rule(large(RuleRecord(KEY)), now=NOW)
    dynamo.refuse("DeleteItem", "ThrottlingException", times=100)
    second = store.save_rule(replace(first, active=some()), now=NOW)
    assert store.load_rules(now=NOW)[KEY].active == second.active
    dynamo.heal()
    store.save_rule(second, now=NOW)
    assert tails(store) == []


def test_a_record_whose_tail_is_missing_for_good_keeps_no_other_rule_from_being_read(dynamo):
    store = dynamo.store()
    broken = store.save_rule(large(RuleRecord(KEY)), now=NOW)
    sound = store.save_rule(RuleRecord(OTHER, active=some()), now=NOW)
    store.table.delete("rules", tails(store)[0])
    records = store.load_rules(now=NOW)
    assert records[OTHER].active == sound.active
    assert (dict(records[KEY].active), records[KEY].version) == ({}, broken.version)
    assert "part of the record is missing" in records[KEY].error
    assert (records[KEY].is_lost, records[OTHER].is_lost) == (True, False)
    store.save_rule(replace(records[KEY], active=some(), is_lost=False), now=NOW)
    assert len(store.load_rules(now=NOW)[KEY].active) == 1
