"""What `make check` makes of a report of pip-audit."""

from __future__ import annotations

from dev.audit import judge

FINE = {"name": "pydantic", "version": "2.13.5", "vulns": []}
UNKNOWN = {"name": "urllib3", "skip_reason": "Dependency not found"}
BROKEN = {
    "name": "pyyaml",
    "version": "5.3",
    "vulns": [{"id": "PYSEC-2021-142", "fix_versions": ["5.4"], "aliases": ["CVE-2020-14343"], "description": "…"}],
}


def test_a_vulnerability_fails_the_check_and_is_named():
    passes, lines = judge({"dependencies": [FINE, UNKNOWN, BROKEN]})
    assert (passes, lines[1:]) == (False, ["pyyaml 5.3: PYSEC-2021-142, fixed in 5.4"])


def test_what_could_not_be_asked_is_said():
    assert judge({"dependencies": [UNKNOWN]})[1][0].startswith("AUDIT SKIPPED")
    passes, lines = judge({"dependencies": [FINE, UNKNOWN]})
    assert (passes, lines) == (True, ["1 packages have no known vulnerability", "not audited: urllib3"])


def test_all_is_well():
    assert judge({"dependencies": [FINE]}) == (True, ["1 packages have no known vulnerability"])
