"""Count lines of code: without blanks, comments, docstrings and imports.

``python -m tools.count`` prints one number for the product without its testing kit,
one for the kit and one for the tests.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def code_lines(text: str) -> set[int]:
    """The numbers of the lines of a source that are code."""
    return _lines_with_tokens(text) - set(_passed_over(ast.parse(text)))


def _lines_with_tokens(text: str) -> set[int]:
    lines: set[int] = set()

    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))

    return lines


def _passed_over(tree: ast.Module) -> Iterator[int]:
    """The lines of imports and docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from range(node.lineno, (node.end_lineno or 0) + 1)

        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None

            if isinstance(first, ast.Expr) and ast.get_docstring(node) is not None:
                yield from range(first.lineno, (first.end_lineno or 0) + 1)


def count(*paths: Path) -> int:
    """The lines of code in files and folders."""
    files = [
        file for path in paths for file in ([path] if path.is_file() else _in(path))
    ]

    return sum(len(code_lines(file.read_text())) for file in files)


def _in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def main() -> None:
    """Print how many lines there are of what."""
    package = ROOT / "flask_cart"
    product = [path for path in package.iterdir() if path.name != "testing"]
    sources = [each for each in product if each.is_dir() or each.suffix == ".py"]
    print(f"product      {count(*sources):6,}")
    print(f"testing kit  {count(package / 'testing'):6,}")
    print(f"tests        {count(ROOT / 'tests'):6,}")


if __name__ == "__main__":
    main()
