"""Tokens of links: what is signed is read again, and nothing else is taken."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.action_links import (
    ADDRESSEE_BYTES,
    MAC_BYTES,
    Fault,
    Permit,
    Way,
    acknowledgement_of,
    link,
    read_keys,
    sign,
    verify,
)

NOW = datetime(2026, 11, 20, 3, 5, tzinfo=UTC)
KEY, OLD, STRANGE = b"k" * 32, b"o" * 32, b"s" * 32
HOST = "https://abcdefghij.execute-api.ap-southeast-2.amazonaws.com"
PERMIT = acknowledgement_of("inc-0123456789abcdef", addressee="ann", way=Way.SMS, expires_at=NOW + timedelta(hours=24))
TOKEN = sign(PERMIT, KEY)

incidents = st.from_regex(r"inc-[0-9a-f]{16}", fullmatch=True) | st.text(min_size=1, max_size=16)
permits = st.builds(
    acknowledgement_of,
    incidents,
    addressee=st.text(max_size=24),
    way=st.sampled_from(Way),
    expires_at=st.integers(1, 2_000_000_000).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)


def read(token: str, *keys: bytes, verb: str = "acknowledge", now: datetime = NOW) -> Permit | Fault:
    return verify(token, keys or (KEY,), verb=verb, now=now)


@given(permits)
def test_what_is_signed_is_read_again(permit: Permit) -> None:
    token = sign(permit, KEY)
    assert read(token) == permit
    assert token == sign(permit, KEY)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(permits, st.data())
def test_any_bit_that_is_turned_is_refused(permit: Permit, data: st.DataObject) -> None:
    token = sign(permit, KEY)
    content = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    turned = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    assert read(turned) is Fault.FORGED


def test_every_bit_of_one_token() -> None:
    content = base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))
    for bit in range(len(content) * 8):
        turned = bytearray(content)
        turned[bit // 8] ^= 1 << bit % 8
        assert read(base64.urlsafe_b64encode(turned).rstrip(b"=").decode()) is Fault.FORGED


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019-_ =%\u00e9\n"))
def test_any_other_letter_is_refused(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    assert (read(changed) == PERMIT) is (changed == TOKEN)


@pytest.mark.parametrize("name", ["", "a", "an", "ann"])
def test_a_token_has_one_spelling(name: str) -> None:
    """The last letter of base64 may have bits that say nothing."""
    token = sign(replace(PERMIT, addressee=name), KEY)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert [token[:-1] + letter for letter in letters if isinstance(read(token[:-1] + letter), Permit)] == [token]


@given(st.text(max_size=500))
def test_any_text_is_refused(text: str) -> None:
    assert read(text) in (Fault.MALFORMED, Fault.FORGED)


@pytest.mark.parametrize("token", ["", "A", "AAAA", TOKEN[:20], f"{TOKEN}=", f" {TOKEN}", "A" * 401])
def test_what_is_no_token(token: str) -> None:
    assert read(token) is Fault.MALFORMED


def test_a_token_that_was_cut_or_has_more_is_refused() -> None:
    assert all(isinstance(read(TOKEN[:length]), Fault) for length in range(len(TOKEN)))
    assert isinstance(read(TOKEN + "AA"), Fault)


def test_it_ends_when_it_says() -> None:
    end = PERMIT.expires_at
    assert read(TOKEN, now=end - timedelta(seconds=1)) == PERMIT
    assert read(TOKEN, now=end) is Fault.EXPIRED


def test_another_key_is_forgery_also_when_it_has_expired() -> None:
    """Whether a token is over is nobody's business but of who has one of ours."""
    assert read(TOKEN, STRANGE) is Fault.FORGED
    assert read(TOKEN, STRANGE, now=PERMIT.expires_at) is Fault.FORGED
    assert verify(TOKEN, (), verb="acknowledge", now=NOW) is Fault.FORGED


def test_an_old_key_is_good_while_the_secret_holds_it() -> None:
    token = sign(PERMIT, OLD)
    assert read(token, KEY, OLD) == PERMIT
    assert read(token, OLD, KEY) == PERMIT
    assert read(token, KEY) is Fault.FORGED


def test_it_is_for_one_verb_and_for_one_incident() -> None:
    assert read(TOKEN, verb="resolve") is Fault.OTHER_VERB
    other = sign(replace(PERMIT, incident="inc-0123456789abcdee"), KEY)
    spliced = other[:-22] + TOKEN[-22:]
    assert isinstance(read(spliced), Fault)


def test_it_is_not_the_signature_of_anything_else() -> None:
    """The signed text begins with what it is for: a signature made elsewhere with the same key opens nothing."""
    import hmac

    payload = base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))[:-MAC_BYTES]
    elsewhere = payload + hmac.digest(KEY, payload, "sha256")[:MAC_BYTES]
    assert read(base64.urlsafe_b64encode(elsewhere).rstrip(b"=").decode()) is Fault.FORGED


def test_the_whole_link_is_short() -> None:
    for name in ("ann", "oncall-berlin"):
        token = sign(replace(PERMIT, addressee=name), KEY)
        assert len(link(HOST, token)) <= 128, name
    assert len(link(HOST.replace("ap-southeast-2", "eu-west-1"), TOKEN)) <= 109


def test_a_long_name_is_cut_between_letters() -> None:
    found = read(sign(replace(PERMIT, addressee="\u00e9" * 200), KEY))
    assert isinstance(found, Permit)
    assert found.addressee == "\u00e9" * (ADDRESSEE_BYTES // 2)


def test_an_address_may_end_with_a_slash() -> None:
    assert link("https://x.example.com/tocsin/", "T") == "https://x.example.com/tocsin/act?t=T"


KEYS = {
    "one": ("a" * 32, (b"a" * 32,)),
    "two, the first of which signs": (f"{'b' * 40}\n{'a' * 32}\n", (b"b" * 40, b"a" * 32)),
    "with commas": (f"{'b' * 32}, {'a' * 32}", (b"b" * 32, b"a" * 32)),
}


@pytest.mark.parametrize(("text", "keys"), KEYS.values(), ids=KEYS.keys())
def test_the_keys_of_a_secret(text: str, keys: tuple[bytes, ...]) -> None:
    assert read_keys(text) == keys


@pytest.mark.parametrize("text", ["", " \n", "tooshort", f"{'a' * 32} short-one", " ".join(["a" * 32] * 5)])
def test_keys_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="holds") as raised:
        read_keys(text)
    assert not text.strip() or text.split()[-1] not in str(raised.value)
