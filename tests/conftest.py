"""What every test shares: how Hypothesis looks for counter-examples."""

import os

from hypothesis import HealthCheck, settings

# A slow machine must not fail a property: time is not what they are about.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# CI draws the same examples every time, so that a failure there is a failure here.
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
