"""What `make check` makes of a report of pip-audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dev.audit import judge, main

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


@pytest.mark.parametrize(
    ("stdout", "stderr", "status", "says"),
    [
        (json.dumps({"dependencies": [FINE]}), "", 0, "1 packages have no known vulnerability"),
        (json.dumps({"dependencies": [BROKEN]}), "Found 1 known vulnerability in 1 package", 1, "PYSEC-2021-142"),
        ("", "Traceback …\nrequests.exceptions.ConnectionError: no route to host", 0, "AUDIT SKIPPED"),
        ("", "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another", 0, "AUDIT SKIPPED"),
        ("", "Connection: close\nrequests.exceptions.HTTPError: 403 Client Error: Forbidden", 1, "403"),
        ("", "ERROR:pip_audit._cli:requirement pyyaml does not contain a hash", 1, "does not contain a hash"),
        ("", "", 1, "pip-audit said nothing"),
    ],
)
def test_only_a_fault_in_reaching_the_advisories_skips_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stdout: str, stderr: str, status: int, says: str
):
    (tmp_path / "out").write_text(stdout)
    (tmp_path / "err").write_text(stderr)
    stand_in = tmp_path / "pip-audit"
    stand_in.write_text(f"#!/bin/sh\ncat '{tmp_path}/out'; cat '{tmp_path}/err' >&2; exit 1\n")
    stand_in.chmod(0o755)
    assert main(str(stand_in)) == status
    said = capsys.readouterr()
    assert says in (said.out if status == 0 else said.err)
