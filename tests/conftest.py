"""What every test shares: how Hypothesis looks for counter-examples, and plain YAML."""

import os
from collections import OrderedDict

import yaml
from hypothesis import HealthCheck, settings

# Whoever has expanded the template in this process reads mappings in order: SAM changes YAML's own loader.
yaml.SafeDumper.add_representer(OrderedDict, lambda dumper, value: dumper.represent_dict(value.items()))

# A slow machine must not fail a property: time is not what they are about.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# CI draws the same examples every time, so that a failure there is a failure here.
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
