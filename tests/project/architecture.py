"""The laws about code, as functions over a folder: each returns what breaks it, one line a violation.

Imports point inwards: handler → wiring, pipeline, web → core; adapters → core (docs/decisions.md says why). The core
imports the standard library and itself. Only the wiring reads the environment, and nothing inside reads a clock.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layer:
    """Who may be imported from a layer: other layers of ours, and whether libraries too."""

    inner: frozenset[str]
    libraries: bool = False


def _layer(*inner: str, libraries: bool = False) -> Layer:
    return Layer(frozenset(inner), libraries)


LAYERS = {
    "core": _layer("core"),
    "errors": _layer("core", "errors"),
    "ports": _layer("core", "errors"),
    "config": _layer("core", "errors", "config", libraries=True),
    "adapters": _layer("core", "errors", "ports", "adapters", libraries=True),
    "pipeline": _layer("core", "errors", "ports", "pipeline"),
    "web": _layer("core", "errors", "ports", "pipeline", "web"),
    "simulation": _layer("core", "errors", "ports", "pipeline", "adapters.memory", "simulation"),
    "cli": _layer(
        *("core", "errors", "ports", "config", "adapters", "pipeline", "web", "simulation", "wiring", "cli"),
        libraries=True,
    ),
    "wiring": _layer(
        *("core", "errors", "ports", "config", "adapters", "pipeline", "web", "wiring", "wiring_senders"),
        libraries=True,
    ),
    # The part of wiring that only those who send need.
    "wiring_senders": _layer("core", "errors", "ports", "adapters", "wiring_senders", libraries=True),
    "handler": _layer("core", "errors", "pipeline", "web", "wiring"),
}
CLOCKS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"},
}
TIMELESS = {"core", "pipeline", "web", "simulation"}


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the folder's Python files in a stable order, without what tools leave behind."""
    for path in sorted(folder.rglob("*.py")):
        if not any(part.startswith(".") or part in {"build", "__pycache__"} for part in path.relative_to(folder).parts):
            yield path


def layer_of(module: str) -> str:
    """Return the layer of a dotted module: tocsin.core.rules → core, evaluate.handler → handler."""
    first, *rest = module.split(".")
    if first != "tocsin":
        return "handler"
    # The wiring is more than one module: wiring_senders is part of it.
    return rest[0].partition("_")[0] if rest else "tocsin"


def outward_imports(functions: Path) -> list[str]:
    """Return the imports that point outwards, or at a library where only the standard library may stand."""
    ours = {path.name for path in functions.iterdir() if path.is_dir()}
    found = []
    for path in python_files(functions):
        module = _module_name(path.relative_to(functions))
        layer = layer_of(module)
        if layer == "tocsin":
            rule = _layer()
        elif layer in LAYERS:
            rule = LAYERS[layer]
        else:
            found.append(f"{_place(path, functions)}: no layer is called {layer}: {', '.join(LAYERS)}")
            continue
        for line, target in _imports(path, module):
            reason = _why_not(target, layer, rule, ours)
            if reason:
                found.append(f"{_place(path, functions)}:{line}: {reason}")
    return found


def environment_reads(functions: Path) -> list[str]:
    """Return where the environment is read outside tocsin/wiring.py."""
    found = []
    for path in python_files(functions):
        if path.relative_to(functions).as_posix() == "tocsin/wiring.py":
            continue
        for node in ast.walk(_parse(path)):
            if _dotted(node) in {"os.environ", "os.getenv", "os.environb"} or _imports_names(
                node, "os", {"environ", "getenv"}
            ):
                found.append(f"{_place(path, functions)}:{_line(node)}: only wiring.py reads the environment")
    return found


def clock_reads(functions: Path) -> list[str]:
    """Return where the core, the pipeline or the web layer reads a clock or sleeps: time is an argument."""
    found = []
    for path in python_files(functions):
        if layer_of(_module_name(path.relative_to(functions))) not in TIMELESS:
            continue
        for node in ast.walk(_parse(path)):
            if _is_clock(node) or any(_imports_names(node, "time", {name}) for name in CLOCKS["time"]):
                found.append(f"{_place(path, functions)}:{_line(node)}: time is an argument, no clock is read here")
    return found


def patches(root: Path) -> list[str]:
    """Return where a test patches code instead of handing it a fake."""
    found = []
    for path in python_files(root):
        for node in ast.walk(_parse(path)):
            if (_dotted(node) or "").endswith("mock.patch") or _imports_names(node, "unittest.mock", {"patch"}):
                found.append(
                    f"{_place(path, root)}:{_line(node)}: no mock.patch: hand in a fake from adapters/memory.py"
                )
    return found


def shadowing_names(functions: Path, installed: Iterable[str]) -> list[str]:
    """Return what in functions/ bears the name of a standard-library module or of an installed package."""
    taken = set(sys.stdlib_module_names) | set(installed)
    return [
        f"{path.name}: the name is taken by the standard library or an installed package"
        for path in sorted(functions.iterdir())
        if (path.is_dir() or path.suffix == ".py") and path.stem in taken
    ]


def _why_not(target: str, layer: str, rule: Layer, ours: set[str]) -> str:
    first = target.split(".")[0]
    if first in sys.stdlib_module_names:
        return ""
    if first not in ours:
        return "" if rule.libraries else f"{layer} imports the library {first}"
    if layer == "handler" and first != "tocsin":
        return f"one handler imports another: {target}"
    inner = layer_of(target)
    # A layer may be let into one module of another, such as the adapters that are memory alone.
    part = ".".join(target.split(".")[1:3])
    return "" if rule.inner & {inner, part} else f"{layer} imports {target}"


def _imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(part for part in (_base(package, node.level), node.module) if part)
            # `from tocsin import wiring` names its layer only in the last part.
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "tocsin" else [base]
            yield from ((node.lineno, name) for name in names)


def _base(package: str, level: int) -> str:
    if level == 0:
        return ""
    parts = package.split(".")
    return ".".join(parts[: len(parts) - level + 1])


def _is_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    owner, _, name = (_dotted(node.func) or "").rpartition(".")
    return name in CLOCKS.get(owner.rpartition(".")[2], set())


def _imports_names(node: ast.AST, module: str, names: set[str]) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.level == 0
        and node.module == module
        and any(alias.name in names for alias in node.names)
    )


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return None


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
