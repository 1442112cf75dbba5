"""amtool beside our own verdict, on the very files: what an amtool of any age accepts we accept, and the other way."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import load_cases
from tocsin.config import check_alertmanager
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.errors import ConfigError

AMTOOL = shutil.which("amtool")
pytestmark = [pytest.mark.peers, pytest.mark.skipif(AMTOOL is None, reason="there is no amtool on PATH")]
# Where the data says that 0.25 and the newest source differ, it is the amtool's age that would be compared.
CASES = [case for case in load_cases("config.json") if (case["amtool_0_25"] == "valid") == case["valid"]]


def is_accepted(text: str) -> bool:
    try:
        check_alertmanager("alertmanager.yml", text.encode(), environment={INLINE_SECRETS: "true"}, honour_all=True)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_the_verdict_is_amtools(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(case["yaml"], encoding="utf-8")
    ran = subprocess.run([str(AMTOOL), "check-config", str(file)], capture_output=True, text=True, check=False)
    assert is_accepted(case["yaml"]) == (ran.returncode == 0), ran.stdout + ran.stderr


def test_the_shipped_configuration_is_amtools_too(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "functions" / "config" / "alertmanager.yml"
    ran = subprocess.run([str(AMTOOL), "check-config", str(shipped)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
