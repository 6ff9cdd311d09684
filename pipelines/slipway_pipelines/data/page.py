"""The data report as one page of HTML that needs nothing else: what to act on first, then the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}li.Warning{color:#9a3412}"
    "code{font-size:.85em;word-break:break-all}.bars{display:flex;align-items:flex-end;height:1.6rem;gap:1px}"
    ".bars i{background:#4f7cac;width:4px}small{color:#666}"
)


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    body = [
        f"<h1>Data of {_text(report['task'])}</h1><p>{_text(report['goal'])}</p>",
        f"<p>Run {_text(report['run'])}, {report['rows']:,} rows, content <code>{_text(report['digest'])}</code></p>",
        _findings(report["findings"]),
        "<h2>From rows to parts</h2>",
        _table(("step", "rows in", "rows out", ""), [_step(one) for one in report["steps"]]),
        _table(("part", "rows", "label", "from", "to"), [_part(one) for one in report["splits"]]),
        "<h2>Features, in train rows</h2>",
        _table(("feature", "type", "missing", "values"), [_feature(one) for one in report["columns"]]),
        f"<p><small>In the data and not used: {_text(', '.join(report['notUsed']) or 'nothing')}</small></p>",
        "<h2>Sources</h2>",
        _table(("source", "origin", "files"), [_source(one) for one in report["sources"]]),
        "<h2>All figures</h2>",
        _table(("figure", "value"), [(_text(name), _text(value)) for name, value in report["facts"].items()]),
    ]
    head = f"<meta charset='utf-8'><title>Data of {_text(report['task'])}</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>\n"


def _findings(found: Sequence[Mapping[str, Any]]) -> str:
    ordered = sorted(found, key=lambda one: one["severity"] != "Warning")
    items = "".join(
        f"<li class='{one['severity']}'><b>{_text(one['reason'])}</b> {_text(one['message'])}</li>" for one in ordered
    )
    warnings = sum(one["severity"] == "Warning" for one in found)
    said = f"{warnings} to act on, {len(found) - warnings} to know" if found else "Nothing to act on"
    return f"<h2>Findings</h2><p>{said}</p><ul>{items}</ul>"


def _step(one: Mapping[str, Any]) -> tuple[str, ...]:
    return _text(one["step"]), _count(one["before"]), _count(one["after"]), _text(one["note"])


def _part(one: Mapping[str, Any]) -> tuple[str, ...]:
    label = ", ".join(f"{name}: {count:,}" for name, count in one.get("labels", {}).items())
    label = label or (f"mean {one['labelMean']:g}" if "labelMean" in one else "")
    return _text(one["name"]), _count(one["rows"]), _text(label), _text(one.get("from", "")), _text(one.get("to", ""))


def _feature(one: Mapping[str, Any]) -> tuple[str, ...]:
    if "histogram" in one:
        most = max(one["histogram"]) or 1
        bars = "".join(f"<i style='height:{100 * count / most:.0f}%'></i>" for count in one["histogram"])
        values = f"{one['min']:g} … {one['median']:g} … {one['max']:g}<div class='bars'>{bars}</div>"
    else:
        top = ", ".join(f"{name} ({count:,})" for name, count in one.get("values", {}).items())
        values = _text(f"{one.get('distinct', 0):,} values: {top}")
    return _text(one["name"]), _text(one["type"]), f"{one['missing']:.1%}", values


def _source(one: Mapping[str, Any]) -> tuple[str, ...]:
    files = "<br>".join(
        f"{_text(file['uri'])} <small>{file['bytes']:,} bytes</small><br><code>{_text(file['digest'])}</code>"
        for file in one["files"]
    )
    note = f"<br><small>{_text(one['exposureNote'])}</small>" if one["exposureNote"] else ""
    return _text(one["name"]), f"{_text(one['origin'] or 'not declared')}{note}", files


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _count(number: int) -> str:
    return f"{number:,}"


def _text(value: object) -> str:
    return escape(str(value))
