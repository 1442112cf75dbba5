"""One alert, end to end, on this machine: `python -m dev.demo`.

A real Prometheus scrapes a real web service, which begins to fail and to slow down. Everything after that is the
deployed application: the template's resources on a local AWS, the built functions in Lambda's runtime. Slack and
PagerDuty are receivers on this machine that check what they get as the real ones would.

journal.py  what happened, as the functions' logs and the receivers tell it
world.py    what the story happens in
story.py    the steps, each with what must be true and by when
audience.py who has to hear of what, and who must not
telling.py  the story told once, from set-up to summary
screen.py   the timeline, as it happens
summary.py  the tables at the end
config/     the demo's rules, routes and escalation policies: only their durations are short
"""
