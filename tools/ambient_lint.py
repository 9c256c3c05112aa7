"""Refuse ambient inputs outside ``tidegate.core``: clocks, randomness, environment variables, unique names.

A result may depend on its recipe, its data and its seed, and on nothing else. So that this stays true by
construction, only ``tidegate.core`` may open the doors listed in :data:`BANNED`. The lint reads the syntax
tree, follows imports and their aliases, and names every other place.

A line that really needs such a door says why: ``# ambient-ok: <reason>``. An exemption without a reason, or
one that exempts nothing, is an error as well.

Usage: ``python tools/ambient_lint.py [FILE_OR_FOLDER ...]``; without arguments it reads ``src`` and
``examples``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BANNED", "Finding", "check_source", "check_tree", "main"]

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_PATHS = ("src", "examples")
CORE = Path("tidegate", "core")

BANNED: dict[str, str] = {
    **{
        f"time.{name}{suffix}": "tidegate.core.clock"
        for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time")
        for suffix in ("", "_ns")
    },
    "time.gmtime": "tidegate.core.clock",
    "time.localtime": "tidegate.core.clock",
    "datetime.datetime.now": "tidegate.core.clock",
    "datetime.datetime.today": "tidegate.core.clock",
    "datetime.datetime.utcnow": "tidegate.core.clock",
    "datetime.date.today": "tidegate.core.clock",
    "pandas.Timestamp.now": "tidegate.core.clock",
    "pandas.Timestamp.today": "tidegate.core.clock",
    "pandas.Timestamp.utcnow": "tidegate.core.clock",
    "random": "tidegate.core.randomness",
    "numpy.random": "tidegate.core.randomness",
    "secrets": "tidegate.core.randomness",
    "uuid": "tidegate.core.randomness",
    "os.urandom": "tidegate.core.randomness",
    "os.environ": "tidegate.core.environment",
    "os.environb": "tidegate.core.environment",
    "os.getenv": "tidegate.core.environment",
    "os.getenvb": "tidegate.core.environment",
    "os.putenv": "tidegate.core.environment",
    "os.unsetenv": "tidegate.core.environment",
}
"""What may not be used, and the module of ``tidegate.core`` that offers it instead."""

# A generator that somebody else seeded is welcome: its type must be nameable.
ALLOWED = frozenset({"numpy.random.Generator"})

_EXEMPTION = re.compile(r"#\s*ambient-ok\b:?\s*(?P<reason>.*)$")


@dataclass(frozen=True, order=True)
class Finding:
    """One place that breaks the rule."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class _Use:
    first_line: int
    last_line: int
    name: str


def check_source(source: str, path: Path) -> list[Finding]:
    r"""Return the findings in the text of one module; ``path`` names it in messages.

    Examples
    --------
    >>> for finding in check_source("import time as t\nstarted = t.time()", Path("room.py")):
    ...     print(finding)
    room.py:2: time.time is ambient; use tidegate.core.clock, or say why on this line: # ambient-ok: <reason>
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [Finding(path, error.lineno or 1, f"this is not Python: {error.msg}")]
    exemptions = _exemptions(source)
    findings = [
        Finding(path, line, "an exemption needs a reason: # ambient-ok: <reason>")
        for line, reason in exemptions.items()
        if not reason
    ]
    needed: set[int] = set()
    for use in _uses(tree):
        exempting = [line for line in range(use.first_line, use.last_line + 1) if line in exemptions]
        needed.update(exempting)
        if not exempting:
            findings.append(Finding(path, use.first_line, _explain(use.name)))
    idle = (line for line, reason in exemptions.items() if reason and line not in needed)
    findings += [Finding(path, line, "this exemption exempts nothing; remove it") for line in idle]
    return sorted(findings)


def check_tree(paths: Sequence[Path]) -> list[Finding]:
    """Return the findings in all Python files under ``paths``, leaving out ``tidegate/core``."""
    found: list[Finding] = []
    for path in _python_files(paths):
        found += check_source(path.read_text(encoding="utf-8"), path)
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the findings; return 1 if there is any, otherwise 0."""
    given = [Path(argument) for argument in arguments]
    paths = given or [PROJECT / name for name in DEFAULT_PATHS if (PROJECT / name).exists()]
    absent = [path for path in paths if not path.exists()]
    for path in absent:
        print(f"ambient lint: no file or folder {path}")
    findings = check_tree([path for path in paths if path.exists()])
    for finding in findings:
        print(finding)
    if not findings and not absent:
        print("ambient lint: clean")
    return 1 if findings or absent else 0


def _python_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        yield from (file for file in files if not _is_core(file))


def _is_core(path: Path) -> bool:
    parents = path.resolve().parents
    return any(parent.parts[-2:] == CORE.parts for parent in parents)


def _explain(name: str) -> str:
    instead = BANNED[_banned_prefix(name) or name]
    return f"{name} is ambient; use {instead}, or say why on this line: # ambient-ok: <reason>"


def _banned_prefix(name: str) -> str | None:
    """Return the banned name that ``name`` is or begins with."""
    if any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED):
        return None
    parts = name.split(".")
    prefixes = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((prefix for prefix in prefixes if prefix in BANNED), None)


def _uses(tree: ast.Module) -> Iterator[_Use]:
    bindings: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from _plain_import(node, bindings)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from _from_import(node, bindings)
    yield from _Attributes(bindings).read(tree)


def _plain_import(node: ast.Import, bindings: dict[str, str]) -> Iterator[_Use]:
    for alias in node.names:
        bindings[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
        if _banned_prefix(alias.name):
            yield _Use(node.lineno, node.end_lineno or node.lineno, alias.name)


def _from_import(node: ast.ImportFrom, bindings: dict[str, str]) -> Iterator[_Use]:
    for alias in node.names:
        name = f"{node.module}.{alias.name}"
        last_line = node.end_lineno or node.lineno
        if _banned_prefix(name):
            yield _Use(node.lineno, last_line, name)
        elif alias.name == "*":
            hidden = next((banned for banned in BANNED if banned.startswith(f"{node.module}.")), None)
            if hidden:
                yield _Use(node.lineno, last_line, hidden)
        else:
            bindings[alias.asname or alias.name] = name


class _Attributes(ast.NodeVisitor):
    """Finds chains such as ``np.random.rand``; what an import already reported is not reported again."""

    def __init__(self, bindings: dict[str, str]) -> None:
        self._bindings = bindings
        self._found: list[_Use] = []

    def read(self, tree: ast.Module) -> list[_Use]:
        self.visit(tree)
        return self._found

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._full_name(node)
        if name is None:
            self.generic_visit(node)
        elif name.split(".")[0] not in BANNED and _banned_prefix(name):
            self._found.append(_Use(node.lineno, node.end_lineno or node.lineno, name))

    def _full_name(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._bindings.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._full_name(node.value)
            return f"{owner}.{node.attr}" if owner else None
        return None


def _exemptions(source: str) -> dict[int, str]:
    """Return the reason given on each line that carries an exemption."""
    reasons: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = _EXEMPTION.match(token.string) if token.type == tokenize.COMMENT else None
        if match:
            reasons[token.start[0]] = match["reason"].strip()
    return reasons


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
