"""`pagerduty` in tocsin.yml: references to the secrets of webhooks, and never a secret itself."""

from __future__ import annotations

import pytest

from tests.config.files import load, refusal


def test_secrets_are_references_and_each_stands_once():
    found = load(tocsin="pagerduty: {webhook_secrets: ['secret:pagerduty#new', 'ssm:/pd/old', 'ssm:/pd/old']}")
    assert found.pagerduty_secrets == ("secret:pagerduty#new", "ssm:/pd/old")


def test_without_it_no_webhook_is_known():
    assert load(tocsin="").pagerduty_secrets == ()


@pytest.mark.parametrize(
    ("name", "tocsin", "expected"),
    [
        ("a secret in clear", "pagerduty: {webhook_secrets: [lDQHScfUeXUKaQRNF]}", "expected a reference to a secret"),
        ("no list", "pagerduty: {webhook_secrets: 'secret:a#b'}", "expected a list, found a text"),
        ("nothing in it", "pagerduty: {webhook_secrets: []}", "webhook_secrets: 1 to 20 references"),
        ("nothing said", "pagerduty: {}", "webhook_secrets is missing"),
        ("a wrong key", "pagerduty: {webhook_secret: 'secret:a#b'}", "did you mean 'webhook_secrets'?"),
        ("no mapping", "pagerduty: [a]", "expected a mapping, found a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(name, tocsin, expected):
    problems = refusal(tocsin=tocsin)
    assert any(problem.startswith("tocsin.yml:1:") and expected in problem for problem in problems), problems
    assert "lDQHScfUeXUKaQRNF" not in "".join(problems)
