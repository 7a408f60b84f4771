"""Bar charts as SVG, that can be read on light pages and on dark ones."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from html import escape
from pathlib import Path

_LABELS: t.Final = 190
_BARS: t.Final = 420
_VALUES: t.Final = 50
_BAR: t.Final = 13
_GAP: t.Final = 14
_TOP: t.Final = 44

# A picture does not know the colours of its page, so it has a ground of its own.
_STYLE: t.Final = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.ground { fill: #ffffff; } .one { stroke: #57606a; stroke-dasharray: 3 3; }
.bar0 { fill: #8c959f; } .bar1 { fill: #2da44e; } .bar2 { fill: #0969da; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .ground { fill: #15191f; } .one { stroke: #9198a1; }
.bar0 { fill: #6e7681; } .bar1 { fill: #3fb950; } .bar2 { fill: #4493f8; } }
"""


def write_bars(
    path: Path,
    title: str,
    series: t.Sequence[str],
    groups: t.Mapping[str, t.Sequence[float]],
) -> None:
    """Write a chart with a group of bars for each name, and a line at 1.

    :param series: What the bars of each group are.
    :param groups: As many ratios each.
    """
    path.write_text("\n".join(_svg(title, series, groups)) + "\n", encoding="utf-8")


def _svg(
    title: str, series: t.Sequence[str], groups: t.Mapping[str, t.Sequence[float]]
) -> Iterator[str]:
    scale = _BARS / max(1.0, *(max(values) for values in groups.values()))
    group = len(series) * _BAR + _GAP
    width, height = _LABELS + _BARS + _VALUES, _TOP + len(groups) * group + 8
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img" aria-label="{escape(title)}">'
    )
    yield f"<style>{_STYLE}</style>"
    yield f'<rect class="ground" width="{width}" height="{height}" rx="6"/>'

    for index, name in enumerate(series):
        left = _LABELS + index * _BARS / len(series)
        yield f'<rect class="bar{index}" x="{left:.0f}" y="14" width="12" height="12"/>'
        yield f'<text x="{left + 18:.0f}" y="25">{escape(name)}</text>'

    for number, (label, values) in enumerate(groups.items()):
        top = _TOP + number * group
        middle = top + len(series) * _BAR / 2 + 4
        yield (
            f'<text x="{_LABELS - 10}" y="{middle:.0f}" text-anchor="end">'
            f"{escape(label)}</text>"
        )

        for index, value in enumerate(values):
            y = top + index * _BAR
            yield (
                f'<rect class="bar{index}" x="{_LABELS}" y="{y}"'
                f' width="{value * scale:.0f}" height="{_BAR - 2}"/>'
            )
            yield (
                f'<text x="{_LABELS + value * scale + 5:.0f}" y="{y + 10}">'
                f"{value:.2f}</text>"
            )

    one = _LABELS + scale
    yield (
        f'<line class="one" x1="{one:.0f}" x2="{one:.0f}" y1="{_TOP - 6}"'
        f' y2="{height - 8}"/>'
    )
    yield "</svg>"
