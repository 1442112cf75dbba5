"""What README.md and docs/ name must exist: make targets, `tocsin` commands and options, paths, variables.

Only code is read, in spans and fenced blocks: prose may speak of other people's things.
"""

import argparse
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(```+|~~~+)[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_MAKE = re.compile(r"(?:^|[\s;&|(])make((?:[ \t]+(?:-\w+|[A-Za-z_]+=\S*))*)[ \t]+([a-z][a-z-]*)\b")
_TOCSIN = re.compile(r"(?:^|[\s;&|(])(?:\.venv/bin/)?tocsin[ \t]+([^\n]*)")
_VARIABLE = re.compile(r"\b(?:TOCSIN|ALERT_THRESHOLD|POWERTOOLS|PROMETHEUS|CONFIG|LOG)_[A-Z0-9_]*[A-Z0-9]\b")
_PATH = re.compile(r"^(?:\./)?[\w.*-]+(?:/[\w.*-]+)*/?$")
_SHELL_END = re.compile(r"\s(?:\||>|<|&&|;|#).*$")


@dataclass(frozen=True, slots=True)
class Project:
    """What a document may name: read once from the project's files."""

    root: Path
    targets: frozenset[str]
    variables: frozenset[str]
    parser: argparse.ArgumentParser | None = None  # None: the command line is not there yet


def read_project(root: Path, parser: argparse.ArgumentParser | None = None) -> Project:
    """Return the project's make targets and the variables that its code, template and scripts read."""
    sources = [root / "functions/tocsin/wiring.py", root / "template.yaml", root / "Makefile"]
    sources += sorted((root / "scripts").glob("*"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.is_file())
    makefile = root / "Makefile"
    targets = re.findall(r"^([a-z][a-z-]*):(?!=)", makefile.read_text(encoding="utf-8"), re.MULTILINE)
    return Project(root, frozenset(targets), frozenset(_VARIABLE.findall(text)), parser)


def documents(root: Path) -> list[Path]:
    """Return the documents that the checks read."""
    named = [root / "README.md", root / "CONTRIBUTING.md"]
    return [path for path in named if path.exists()] + sorted((root / "docs").rglob("*.md"))


def faults(document: Path, project: Project) -> list[str]:
    """Return what the document names and the project does not have."""
    text = document.read_text(encoding="utf-8")
    code = list(_code(text))
    found = [
        *(f"no make target: {target}" for block in code for target in _unknown_targets(block, project)),
        *(f"no such command: tocsin {words}" for block in code for words in _unknown_commands(block, project)),
        *(f"no such path: {path}" for path in _missing_paths(text, document, project)),
        *(f"nothing reads the variable {name}" for block in code for name in _unread_variables(block, project)),
    ]
    return [f"{document.name}: {fault}" for fault in dict.fromkeys(found)]


def _code(text: str) -> Iterator[str]:
    yield from (match[2] for match in _FENCE.finditer(text))
    yield from _SPAN.findall(_FENCE.sub("", text))


def _unknown_targets(block: str, project: Project) -> list[str]:
    return [target for _, target in _MAKE.findall(block) if target not in project.targets]


def _unread_variables(block: str, project: Project) -> list[str]:
    # A name that ends in an underscore or a star stands for a family: the pattern stops before it.
    return [name for name in _VARIABLE.findall(block) if name not in project.variables]


def _unknown_commands(block: str, project: Project) -> Iterator[str]:
    if project.parser is None:
        return
    for rest in _TOCSIN.findall(block):
        words = _words(_SHELL_END.sub("", " " + rest))
        if wrong := _first_unknown(words, project.parser):
            yield wrong


def _words(command: str) -> list[str]:
    plain = re.sub(r"[\[\]…]|\.\.\.", " ", command)
    try:
        return shlex.split(plain)
    except ValueError:
        return plain.split()


def _first_unknown(words: list[str], parser: argparse.ArgumentParser, path: str = "") -> str | None:
    """Walk down the subcommands; return the command as written up to the first word that the parser lacks."""
    options = {option.split("=")[0] for action in parser._actions for option in action.option_strings}
    commands = next((a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    for place, word in enumerate(words):
        if word.startswith("-") and word != "-":
            if word.split("=")[0] not in options:
                return f"{path}{word}"
        elif commands is not None:
            if place and _takes_value(words[place - 1], parser):
                continue
            return _first_unknown_of(word.split("|"), words[place + 1 :], commands, path)
    return None


def _first_unknown_of(
    alternatives: list[str], rest: list[str], commands: dict[str, argparse.ArgumentParser], path: str
) -> str | None:
    for name in alternatives:
        if name not in commands:
            return f"{path}{name}"
        # Options after `a|b|c` belong to some of them: only a single command's are checked.
        if len(alternatives) == 1:
            return _first_unknown(rest, commands[name], f"{path}{name} ")
    return None


def _takes_value(word: str, parser: argparse.ArgumentParser) -> bool:
    return "=" not in word and any(word in a.option_strings and a.nargs != 0 for a in parser._actions)


def _missing_paths(text: str, document: Path, project: Project) -> Iterator[str]:
    prose = _FENCE.sub("", text)
    for span in _SPAN.findall(prose):
        if "/" in span and _PATH.match(span) and _is_ours(span, project.root) and not _exists(project.root, span):
            yield span
    for target in _LINK.findall(prose):
        if "://" not in target and not target.startswith("mailto:") and not (document.parent / target).exists():
            yield target


def _is_ours(span: str, root: Path) -> bool:
    first = span.removeprefix("./").split("/")[0]
    return (root / first).is_dir()


def _exists(root: Path, span: str) -> bool:
    relative = span.removeprefix("./").rstrip("/")
    return any(root.glob(relative)) if "*" in relative else (root / relative).exists()
