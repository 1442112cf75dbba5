"""What a command works with: the environment with its options over it, the time, and what wiring makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .. import wiring
from ..core.configuration import Configuration
from ..errors import ConfigError, Problem
from ..wiring import Workplace
from .failures import UsageError

NOWHERE = "none"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command; `environment` None is the process's own."""

    environment: Mapping[str, str] | None
    now: datetime

    def workplace(self, **options: str | None) -> Workplace:
        """Return what to work with; an option that is given takes the place of its variable."""
        given = {name: value for name, value in options.items() if value is not None}
        return Workplace({**(wiring.environment() if self.environment is None else self.environment), **given})


def load_configuration(workplace: Workplace) -> Configuration:
    """Return the configuration. Raises ConfigError, whose problems say in which folder."""
    try:
        return workplace.parse(workplace.source.read())
    except ConfigError as error:
        raise ConfigError([in_folder(workplace, problem) for problem in error.problems]) from None


def in_folder(workplace: Workplace, problem: Problem) -> Problem:
    """Return a problem whose file can be found from here: with the folder or the bucket before it."""
    place = (workplace.settings.get("CONFIG_URI") or str(wiring.SHIPPED_CONFIG)).rstrip("/")
    if problem.file.startswith(place):
        return problem
    return Problem(f"{place}/{problem.file}", problem.line, problem.message, problem.column)


def state_path(option: str | None, workplace: Workplace) -> Path | None:
    """Return the state's file, or None where none is to be kept."""
    if option == NOWHERE:
        return None
    if option == "":
        raise UsageError("--state: expected a file, or none")
    return Path(option) if option is not None else workplace.state_file
