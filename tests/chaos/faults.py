"""How many faults of the neighbours are tried, by neighbour: what pytest says of tests/faults, as a table.

Each test is one fault, at one call or receiver, unless its property `faults` says more; it fails where anything is
lost, told twice or untrue.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from tests.chaos.figures import table, write_block

ROOT = Path(__file__).resolve().parents[2]
NEIGHBOURS = {
    "test_metrics": "the metrics endpoint",
    "test_receivers": "receivers",
    "test_receivers_wire": "receivers",
    "test_stalls": "receivers",
    "test_store": "the table",
    "test_configuration": "the configuration",
    "test_secrets": "the secrets",
}


def main() -> int:
    """Run, print, write; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # Only this family of reports has properties.
        options = ["-o", "junit_family=xunit1", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", "-q", "tests/faults", *options]
        status = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode
        cases = list(ElementTree.parse(report).iter("testcase"))
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for case in cases:
        name = neighbour(case.get("classname", ""))
        tried[name] += sum(int(each.get("value", "")) for each in case.iter("property")) or 1
        failed[name] += case.find("failure") is not None or case.find("error") is not None
    text = table(
        ("neighbour", "faults tried", "with anything lost, twice or untrue"), [(n, tried[n], failed[n]) for n in tried]
    )
    print(text)
    write_block("chaos:faults", text, command="make chaos")
    return 1 if status else 0


def neighbour(module: str) -> str:
    """Return whom the tests of a module let fail. Raises LookupError for one that says nothing of it."""
    name = module.rpartition(".")[2]
    known = [prefix for prefix in NEIGHBOURS if name.startswith(prefix)]
    if not known:
        raise LookupError(f"whom does {module} let fail? NEIGHBOURS does not say")
    return NEIGHBOURS[max(known, key=len)]


if __name__ == "__main__":
    sys.exit(main())
