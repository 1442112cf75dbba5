"""Random weeks: a Hypothesis state machine tells stories of a whole installation, and the model listens.

`python -m tests.chaos.weeks` (part of `make chaos`) tells 1,000 of 200 steps each and writes the figures into
docs/reliability.md. The same seed tells the same stories; `--seed` tells others. What breaks a law is shrunk to the
fewest steps that still do, and printed as a story that can be pasted into a test.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.chaos.figures import table, write_block
from tests.chaos.model import BrokenError, Law
from tests.chaos.shrinking import shrink
from tests.chaos.situations import RULES, SITUATIONS
from tests.chaos.week import EVENTS, MISHAPS, OUTAGES, NonsenseError, Week
from tocsin.core.clicks import QUESTIONS, Press

# Every call of the pipeline to the world, by its port's name for it.
CALLS = """
    load_rules query_all save_rule save_inhibitors announce tell overdue revision read load_group load_incident
    load_inhibitors load_silences commit load_outbox load_notification mark_published publish start confirm claim
    read_secret send record escalate find_ingested save_ingested load_ingested load_silence save_silences save_incident
    begin finish drop answer save_alias load_alias take hold release postpone load_held announce_all
""".split()  # noqa: SIM905  # thirty lines otherwise
INTEGRATIONS = ("team/slack/0", "team/pagerduty/1", "team/email/2", "dba/email/0", "lead/webhook/0", "boss/pagerduty/0")

anyone = st.sampled_from
names, instances, calls = anyone([each.name for each in RULES]), anyone("ab"), anyone(CALLS)
SILENCED = ("Down", "Slow", "Sent", "a", "b")
silenced = anyone(SILENCED)
integrations, situations = anyone(INTEGRATIONS), anyone([*SITUATIONS])
is_after = {"after": st.booleans()}

# Each step with what it says; those that make no sense as things are, are none.
STEPS: dict[str, tuple[tuple[st.SearchStrategy[Any], ...], dict[str, st.SearchStrategy[Any]]]] = {
    "goes_bad": ((names, instances), {}),
    "recovers": ((names, instances), {}),
    "cannot_be_asked": ((names,), {}),
    "can_be_asked": ((names,), {}),
    "begins_to_send": ((instances,), {}),
    "sends_the_end": ((instances,), {}),
    "stops_sending": ((instances,), {}),
    "script_sends": ((), {"minutes": anyone([3, 10])}),
    "receiver_breaks": ((integrations, anyone([*OUTAGES])), {}),
    "receiver_is_well": ((integrations,), {}),
    "configures": ((situations,), {}),
    "breaks_the_files": ((), {}),
    "mends_the_files": ((), {}),
    "silences": ((silenced,), {"minutes": anyone([3, 10, 60])}),
    "ends_silences": ((silenced,), {}),
    "acknowledges": ((), {}),
    "snoozes": ((), {"minutes": anyone([3, 10, 30])}),
    "escalates": ((), {}),
    "closes": ((), {}),
    "presses": ((anyone([each.value for each in Press if each not in QUESTIONS]),), {}),
    "acts_in_pagerduty": ((anyone(["acknowledge", "resolve", "note"]),), {}),
    "dies": ((calls,), is_after),
    "fails": ((calls,), is_after),
    "has_a_twin": ((calls,), is_after),
    "stalls": ((calls,), {}),
    "next_one": ((anyone(EVENTS), anyone(MISHAPS)), {"minutes": anyone([1, 3])}),
    "loses_all_timers": ((), {}),
    "passes": ((), {"seconds": anyone([300, 600])}),
}
# What else is tried where what was drawn has begun, or is over, already: else hardly anything would ever end.
SERIES = [*product((each.name for each in RULES), "ab")]
OTHERS: dict[str, list[tuple[Any, ...]]] = {
    "goes_bad": SERIES,
    "recovers": SERIES,
    "can_be_asked": [(each.name,) for each in RULES],
    "sends_the_end": [*product("ab")],
    "stops_sending": [*product("ab")],
    "receiver_is_well": [*product(INTEGRATIONS)],
    "ends_silences": [*product(SILENCED)],
}
# What is told so many times as often as others: alerts are what it is about.
OFTEN = {"goes_bad": 5, "recovers": 4, "begins_to_send": 2, "passes": 2}
# What is counted of the steps, and what it is called; what goes wrong is counted where it does.
HAPPENED = {
    "goes_bad": "an alert's condition begins",
    "recovers": "an alert's condition ends",
    "cannot_be_asked": "a rule's query begins to fail",
    "begins_to_send": "a sender begins",
    "sends_the_end": "a sender says that it is over",
    "stops_sending": "a sender falls silent",
    "script_sends": "a script sends once",
    "receiver_breaks": "a receiver breaks",
    "configures": "the configuration changes",
    "breaks_the_files": "a configuration is refused",
    "silences": "a silence begins",
    "ends_silences": "silences are ended",
    "acknowledges": "an incident is acknowledged",
    "snoozes": "an incident is snoozed",
    "escalates": "an incident is escalated by hand",
    "closes": "an incident is resolved by hand",
    "presses": "a button is pressed in Slack",
    "acts_in_pagerduty": "somebody acts in PagerDuty",
    "settles": "everybody is asked what they know",
}
# Seconds that pass after each step.
GAPS = anyone([30, 0, 7, 60, 120, 200, 300])
SELDOM = anyone([True, *[False] * 7])


@dataclass
class Telling:
    """How weeks are told, and what comes of it; `make` makes another kind of week."""

    make: Callable[..., Week] = Week
    figures: Counter[str] = field(default_factory=Counter)


class Weeks(RuleBasedStateMachine):
    """Tells one week."""

    telling = Telling()

    @initialize(situation=situations, warm=st.booleans())
    def begins(self, situation: str, warm: bool) -> None:
        self.begin = partial(self.telling.make, situation, warm=warm)
        self.week = self.begin()

    def take(self, verb: str, gap: int, **said: Any) -> None:
        positional, _ = STEPS[verb]
        first = tuple(said.pop(f"said_{number}") for number in range(len(positional)))
        if any(self._makes(verb, arguments, said) for arguments in (first, *OTHERS.get(verb, ()))) and gap:
            self.week.passes(seconds=gap)

    def _makes(self, verb: str, arguments: tuple[Any, ...], said: Mapping[str, Any]) -> bool:
        """Take a step if it makes sense."""
        try:
            getattr(self.week, verb)(*arguments, **said)
        except NonsenseError:
            return False
        return True

    @rule(is_time=SELDOM)
    def settles(self, is_time: bool) -> None:
        if is_time:
            self.week.settles()

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.week.ends()
        self.telling.figures += self.week.figures
        self.telling.figures += Counter({HAPPENED[v]: n for v, n in self.week.steps.items() if v in HAPPENED})
        self.telling.figures["runs"] += 1


def _rule(verb: str) -> Callable[..., None]:
    positional, named = STEPS[verb]

    def taken(self: Weeks, gap: int, **said: Any) -> None:
        self.take(verb, gap, **said)

    taken.__name__ = verb
    said: dict[str, Any] = {f"said_{number}": each for number, each in enumerate(positional)}
    return rule(**{"gap": GAPS, **said, **named})(taken)


def machine(telling: Telling) -> type[Weeks]:
    """Return the state machine that tells weeks in a way."""
    rules = {f"{verb}_{number}": _rule(verb) for verb in STEPS for number in range(OFTEN.get(verb, 1))}
    return type("Weeks", (Weeks,), {"telling": telling, **rules})


def tell(runs: int, steps: int, *, number: int | None = None, telling: Telling | None = None) -> Counter[str]:
    """Tell so many weeks of so many steps, the n-th such lot; return the figures. Raises BrokenError, shrunk."""
    telling = telling or Telling()
    one = machine(telling)
    how = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        print_blob=False,
        derandomize=number is None,
    )
    weeks: list[Weeks] = []

    def begin() -> Weeks:
        weeks[:] = [one()]
        return weeks[0]

    try:
        run_state_machine_as_test(begin if number is None else seed(number)(begin), settings=how)  # type: ignore[arg-type]
    except BrokenError as error:
        raise shrink(weeks[0].begin, weeks[0].week.story, error) from None
    return telling.figures


# Lots, each told by whichever process is free.
LOT = 25
WRONG = "broken laws"


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.weeks", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="other stories; writes nothing")
    options = parser.parse_args(arguments)
    lots = range(options.seed, options.seed + -(-options.runs // LOT))
    figures: Counter[str] = Counter()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for told, story in pool.map(partial(_lot, options.steps), lots):
            figures += told
            print(story or f"{figures['runs']:,} weeks told", file=sys.stderr, flush=True)
    text = weeks_table(figures)
    print(text)
    if not options.seed:
        write_block("chaos:weeks", text, command="make chaos")
    return 1 if figures[WRONG] else 0


def _lot(steps: int, number: int) -> tuple[Counter[str], str]:
    """Tell a lot; return its figures, and the story that broke a law."""
    telling = Telling()
    try:
        return tell(LOT, steps, number=number, telling=telling), ""
    except BrokenError as error:
        return telling.figures + Counter({WRONG: 1}), str(error)


def weeks_table(figures: Counter[str]) -> str:
    """Return how much was told, what came of it, and what went wrong on the way how often."""
    names = ("runs", "steps", "ticks", "pages")
    first = [f"{figures[name]:,} {name}" for name in names]
    said = f"{', '.join(first)}; {len(Law)} laws, broken {figures[WRONG]} times."
    lived = [(name, f"{figures[name]:,}") for name in HAPPENED.values()]
    mishaps = sorted({*figures} - {*names, *HAPPENED.values(), WRONG})
    wrong = [(name, f"{figures[name]:,}") for name in mishaps]
    return "\n\n".join(
        [said, table(("what happened", "times"), lived), table(("what went wrong on the way", "times"), wrong)]
    )


if __name__ == "__main__":
    sys.exit(main())
