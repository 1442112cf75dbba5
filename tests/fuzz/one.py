"""One door under libFuzzer: python -m tests.fuzz.one DOOR CORPUS [libFuzzer's options].

Only here is atheris imported; it sees which code an input reaches, and keeps those that reach something new.
"""

from __future__ import annotations

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["tocsin", "yaml"]):
    from tests.fuzz.looking import changed
    from tests.fuzz.targets import TARGETS

# Of the inputs, so many are changed by what the door speaks; the others as libFuzzer does it.
SHARE = 0.7


def main() -> None:
    door, *options = sys.argv[1:]
    target = TARGETS[door]
    beginnings = list(target.seeds())

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() >= SHARE:
            return bytes(atheris.Mutate(data, max_size))
        return changed(target, random, beginnings, data)[:max_size]

    atheris.Setup([sys.argv[0], *options], target.try_out, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
