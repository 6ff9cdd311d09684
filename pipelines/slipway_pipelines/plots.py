"""Pictures for people, as SVG: a browser shows them beside the run, and no plotting library is loaded for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 360, 70, 150, 40, 50
_COLOURS = ("#1f5fa8", "#c4511d", "#3a7d44", "#7a3e9d")
Series = Mapping[str, Sequence[tuple[float, float]]]


def line_plot(title: str, across: str, up: str, series: Series) -> str:
    """Lines through points (x, y), one for each name; points that are no numbers are left out."""
    kept = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] for name, points in series.items()
    }
    kept = {name: points for name, points in kept.items() if points}
    xs = [x for points in kept.values() for x, _ in points] or [0.0, 1.0]
    ys = [y for points in kept.values() for _, y in points] or [0.0, 1.0]
    x_span, y_span = _span(xs), _span(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + wide * (x - x_span[0]) / (x_span[1] - x_span[0]), _HEIGHT - _BOTTOM - high * (y - y_span[0]) / (
            y_span[1] - y_span[0]
        )

    parts = [_text(_LEFT, 22, title, size=15), _text(_LEFT, _HEIGHT - 12, across), _text(8, _TOP - 8, up)]
    for share in (0.0, 0.5, 1.0):
        x, y = (span[0] + share * (span[1] - span[0]) for span in (x_span, y_span))
        left, top = place(x, y)
        parts.append(_text(left - 10, _HEIGHT - _BOTTOM + 16, f"{x:.4g}"))
        parts.append(_text(8, top + 4, f"{y:.4g}"))
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{top:.1f}" y2="{top:.1f}" stroke="#ddd"/>')
    for number, (name, points) in enumerate(kept.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in (place(x, y) for x, y in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(_WIDTH - _RIGHT + 12, _TOP + 20 * number, name, colour))
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}">\n{body}\n</svg>\n'


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _text(x: float, y: float, text: str, colour: str = "#222", size: int = 12) -> str:
    style = f'font-family="sans-serif" font-size="{size}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
