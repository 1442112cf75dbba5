"""Published vulnerabilities of what is deployed: `python -m dev.audit`, part of `make check`.

pip-audit asks the package index's advisories for each pinned package. Where the network does not let it, the audit is
skipped and says so; a package that has a vulnerability fails it.

Source: https://github.com/pypa/pip-audit
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PIP_AUDIT = ROOT / ".venv-audit" / "bin" / "pip-audit"
LOCK = "functions/requirements.txt"
SECONDS = 120
# The last line of a fault in reaching the advisories, as requests and pip-audit word it.
UNREACHABLE = re.compile(
    r"(requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError)\b"
    r"|ERROR:pip_audit\._cli:Tip: your network may be blocking this service)"
)


def judge(report: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Return whether a report of pip-audit lets the check pass, and what to say of it."""
    packages = report["dependencies"]
    found = [
        f"{each['name']} {each['version']}: {problem['id']}, fixed in {_fixed_in(problem)}"
        for each in packages
        for problem in each.get("vulns", ())
    ]
    unknown = sorted(each["name"] for each in packages if "skip_reason" in each)
    if found:
        return False, [f"{LOCK} has known vulnerabilities:", *found]
    if len(unknown) == len(packages):
        return True, [f"AUDIT SKIPPED: of none of the {len(packages)} packages the advisories could be asked for"]
    said = [f"{len(packages) - len(unknown)} packages have no known vulnerability"]
    return True, [*said, *([f"not audited: {', '.join(unknown)}"] if unknown else [])]


def _fixed_in(problem: Mapping[str, Any]) -> str:
    return ", ".join(problem["fix_versions"]) or "no version"


def main(pip_audit: str = str(PIP_AUDIT)) -> int:
    """Ask, print, and return the exit status."""
    command = [pip_audit, "--requirement", LOCK, "--require-hashes", "--disable-pip", "--format", "json"]
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"AUDIT SKIPPED: the advisories did not answer within {SECONDS} s")
        return 0
    try:
        report = json.loads(ran.stdout)
    except ValueError:
        # Anything else is a fault that somebody has to look at: a refusal, a lock that cannot be read.
        said = ran.stderr.strip().splitlines()
        if said and UNREACHABLE.match(said[-1]):
            print("AUDIT SKIPPED: the advisories could not be reached")
            return 0
        print(ran.stderr.strip() or "pip-audit said nothing", file=sys.stderr)
        return 1
    passes, lines = judge(report)
    print(*lines, sep="\n", file=sys.stdout if passes else sys.stderr)
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
