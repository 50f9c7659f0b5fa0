"""The house's figures: gates that fail, and a table to work on. Run by `make check`."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE_LINES = 400
FUNCTION_LINES = 60


@dataclass(frozen=True)
class Source:
    """One parsed file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.text.count("\n")


Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(folder: str) -> list[Source]:
    """Every Python file below a folder of the repository."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Source(path.relative_to(ROOT), text, ast.parse(text)))
    return found


def functions(files: list[Source]) -> Iterator[tuple[Source, Function]]:
    """Every function and method."""
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, Function):
                yield file, node


def length(node: Function) -> int:
    """Lines from `def` to the last one."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def gates(code: list[Source], tests: list[Source]) -> list[str]:
    """What must not be: too long files and functions, tests that say or assert nothing."""
    found = [
        f"{file.path}: {file.lines} lines ({FILE_LINES} is the limit)"
        for file in code + tests
        if file.lines > FILE_LINES
    ]
    for file, node in functions(code):
        if length(node) > FUNCTION_LINES:
            found.append(f"{file.path}:{node.lineno} {node.name}: {length(node)} lines ({FUNCTION_LINES} is the limit)")
    for file, node in functions(tests):
        if node.name.startswith("test_"):
            if not ast.get_docstring(node):
                found.append(f"{file.path}:{node.lineno} {node.name}: no docstring that says the rule")
            if not asserts(node):
                found.append(f"{file.path}:{node.lineno} {node.name}: asserts nothing")
    return found


def asserts(node: Function) -> bool:
    """Whether a test can fail by itself or through a helper whose name says so."""
    words = ("assert", "raises", "check", "expect", "verify", "fail", "warns")
    return any(
        isinstance(inner, ast.Assert)
        or (isinstance(inner, ast.Call) and any(word in ast.unparse(inner.func).lower() for word in words))
        for inner in ast.walk(node)
    )


def share(part: int, whole: int) -> str:
    """A percentage."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def public(files: list[Source]) -> list[ast.AST]:
    """Modules, public classes and public functions that are not nested in functions; an overload is no function."""
    found: list[ast.AST] = []
    for file in files:
        if file.text.strip():
            found.append(file.tree)
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Module | ast.ClassDef):
                hidden = isinstance(node, ast.ClassDef) and node.name.startswith("_")
                found += [
                    child
                    for child in node.body
                    if isinstance(child, ast.ClassDef | Function)
                    and not (child.name.startswith("_") or hidden or is_overload(child))
                ]
    return found


def is_overload(node: ast.AST) -> bool:
    """Whether it only tells types: the function that it belongs to bears the docstring."""
    return any(ast.unparse(each) == "overload" for each in getattr(node, "decorator_list", ()))


def import_ms() -> float:
    """Milliseconds that `import evaltrail` adds to a bare interpreter; the best of five."""

    def best(program: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  our own interpreter
            times.append(time.perf_counter() - began)
        return min(times) * 1000

    return best("import evaltrail") - best("pass")


def table(code: list[Source], tests: list[Source]) -> list[tuple[str, str, str]]:
    """Figure, goal, what is."""
    lines = sum(file.lines for file in code)
    test_lines = sum(file.lines for file in tests)
    lengths = sorted(length(node) for _, node in functions(code))
    documented = public(code)
    returns = [node for _, node in functions(code)]
    imports = [node for file in code for node in ast.walk(file.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    late = [
        inner
        for _, node in functions(code)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    anys = sum(isinstance(node, ast.Name) and node.id == "Any" for file in code for node in ast.walk(file.tree))
    broad = sum(
        isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        for file in code
        for node in ast.walk(file.tree)
    )
    mocks = sum(file.text.count(word) for file in tests for word in ("monkeypatch.setattr", "mock.patch", "MagicMock"))
    with_docstring = sum(bool(ast.get_docstring(node)) for node in documented)  # type: ignore[arg-type]
    return [
        ("files, lines of code", "", f"{len(code)}, {lines:,}"),
        ("test lines a line of code", ">= 1", f"{test_lines / lines:.2f}"),
        ("longest file", f"<= {FILE_LINES}", str(max(file.lines for file in code))),
        ("longest function", f"<= {FUNCTION_LINES}", str(lengths[-1])),
        ("function length, 90 of 100", "<= 40", str(lengths[len(lengths) * 9 // 10])),
        ("public docstrings", "100 %", share(with_docstring, len(documented))),
        ("return types", "100 %", share(sum(node.returns is not None for node in returns), len(returns))),
        ("Any a 1,000 lines", "<= 5", f"{1000 * anys / lines:.1f}"),
        ("broad excepts a 1,000 lines", "<= 0.5", f"{1000 * broad / lines:.2f}"),
        ("late imports", "<= 3 %", share(len(late), len(imports))),
        ("mocks a 1,000 test lines", "<= 1", f"{1000 * mocks / max(1, test_lines):.2f}"),
        ("import evaltrail", "<= 100 ms", f"{import_ms():.0f} ms"),
    ]


def main() -> int:
    """Print the table and every gate that is broken; 1 when one is."""
    code, tests = sources("src"), sources("tests")
    for name, goal, found in table(code, tests):
        print(f"{name:<30} {goal:>10}  {found}")
    broken = gates(code, tests)
    for line in broken:
        print(f"broken: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
