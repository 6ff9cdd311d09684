"""Where to look in what a run says of its data."""

from __future__ import annotations

from tests.demo.kube import Object, condition


def said(obj: Object, kind: str) -> tuple[str, str, str]:
    found = condition(obj, kind)
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")


def found(report: Object, reason: str) -> list[Object]:
    return [one for one in report["findings"] if one["reason"] == reason]


def part(report: Object, name: str) -> Object:
    return dict(next(one for one in report["splits"] if one["name"] == name))
