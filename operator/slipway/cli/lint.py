"""`slipway lint`: what the API server, the operator and KServe would refuse, said before anything is applied."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1 import GROUP
from slipway.cli import documents, rendering
from slipway.cli.documents import Document, Unreadable
from slipway.validation import Finding, check, check_together, errors
from slipway.validation.findings import error

CLEAN, REFUSED, UNREADABLE = 0, 1, 2
_DESCRIPTION = """
Checks manifests of slipway.dev offline: their structure, what their structure cannot say, references between the files
given, and that the kserve SDK accepts the InferenceService that each ModelRollout would get. Manifests of other groups
are passed over.
"""
_EPILOG = """
A note is about a field that the schema asks for and this version does not act on: nothing to mend, and never refused.

exit codes: 0 nothing to refuse; 1 something to refuse (with --strict also a warning); 2 a file cannot be read or is no
YAML, or the call is wrong
"""


@dataclass(frozen=True)
class Reported:
    """A finding and the document that it is about."""

    document: Document
    finding: Finding

    def __str__(self) -> str:
        place = f"{self.document.file}:{self.document.line(self.finding.location)}"
        return f"{place}: {self.finding.severity.lower()}: {self.finding}"


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "lint", help="check manifests before they are applied", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file of manifests, `-` for standard input")
    parser.add_argument("--strict", action="store_true", help="refuse warnings as well")
    parser.add_argument("--no-kserve", action="store_true", help="leave out the check by the kserve SDK (4 s to load)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, and returns the exit code."""
    found, unreadable = _read(arguments.files)
    ours = [each for each in found if _is_ours(each.value)]
    try:
        reported = sorted(lint(ours, not arguments.no_kserve), key=_place)
    except rendering.SdkMissing as missing:
        print(f"slipway lint: {missing}", file=sys.stderr)
        return UNREADABLE
    for each in reported:
        print(each)
    refused = len(errors(each.finding for each in reported))
    warnings = sum(each.finding.severity == "Warning" for each in reported)
    passed_over = f", {len(found) - len(ours)} of other groups passed over" if len(ours) < len(found) else ""
    print(f"{_count(len(ours), 'manifest')}, {_count(refused, 'error')}, {_count(warnings, 'warning')}{passed_over}")
    if unreadable:
        return UNREADABLE
    return REFUSED if refused or (arguments.strict and warnings) else CLEAN


def lint(found: Sequence[Document], kserve: bool) -> Iterator[Reported]:
    """Everything that is wrong or odd with manifests of ours; `kserve` asks its SDK as well."""
    for document in found:
        yield from (Reported(document, each) for each in _alone(document.value, kserve))
    for index, finding in check_together([each.value for each in found]):
        yield Reported(found[index], finding)
    yield from _twice(found)


def _place(reported: Reported) -> tuple[str, int]:
    return reported.document.file, reported.document.line(reported.finding.location)


def _alone(manifest: Mapping[str, Any], kserve: bool) -> Iterator[Finding]:
    findings = check(manifest)
    yield from findings
    if kserve and manifest.get("kind") == "ModelRollout" and not errors(findings):
        yield from (error(("spec",), reason) for reason in rendering.refusals(manifest))


def _twice(found: Sequence[Document]) -> Iterator[Reported]:
    seen: dict[tuple[str, ...], Document] = {}
    for each in found:
        metadata = each.value.get("metadata")
        if not isinstance(metadata, Mapping) or not metadata.get("name"):
            continue
        key = (str(each.value.get("kind")), str(metadata.get("namespace", "")), str(metadata["name"]))
        first = seen.setdefault(key, each)
        if first is not each:
            place = f"{first.file}:{first.line(('metadata', 'name'))}"
            yield Reported(
                each, error(("metadata", "name"), f"{key[0]} {key[2]!r} is written a second time, see {place}")
            )


def _read(names: Iterable[str]) -> tuple[list[Document], bool]:
    found: list[Document] = []
    unreadable = False
    for name in names:
        try:
            found.extend(each for document in documents.read(name) for each in documents.listed(document))
        except Unreadable as failed:
            print(failed, file=sys.stderr)
            unreadable = True
    return found, unreadable


def _is_ours(value: Any) -> bool:
    """A manifest without apiVersion is taken for one of ours: its author left it out."""
    return isinstance(value, Mapping) and str(value.get("apiVersion", GROUP)).split("/")[0] == GROUP


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
