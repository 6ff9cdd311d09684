"""From what is live back to rollout, version, run, data and code: as values and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.core.desired.names import REVISION_LABEL, ROLLOUT_LABEL

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Link:
    """One step of the way back: what it is, how it is called, and what is known of it."""

    kind: str
    name: str
    facts: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {"kind": self.kind, "name": self.name, **self.facts}


class NotOurs(Exception):
    """An InferenceService that no rollout has made."""


def owner(service: Object) -> tuple[str, str]:
    """Rollout and revision of an InferenceService. Raises NotOurs."""
    labels = service["metadata"].get("labels") or {}
    rollout, revision = labels.get(ROLLOUT_LABEL, ""), labels.get(REVISION_LABEL, "")
    if not rollout or not revision:
        message = f"InferenceService {service['metadata']['name']} has no label {ROLLOUT_LABEL}: no rollout made it"
        raise NotOurs(message)
    return rollout, revision


def served(rollout: Object, revision: str) -> Object:
    """What the rollout says of a revision: a variant, or the end of one in history; empty where it says nothing."""
    status = rollout.get("status") or {}
    entries = (*(status.get("variants") or ()), *(status.get("history") or ()))
    return next((one for one in entries if one.get("revision") == revision), {})


def maker(runs: Sequence[Object], version: Object) -> Object | None:
    """The TrainingRun whose model a version is: by the model's digest, else by its name and number."""
    digest, model, number = (version.get(key, "") for key in ("digest", "model", "version"))
    for run in runs:
        status = run.get("status") or {}
        if digest and status.get("modelDigest") == digest and status.get("version") == number:
            return run
    for run in runs:
        registered = (run["spec"].get("register") or {}).get("model")
        if number and registered == model and (run.get("status") or {}).get("version") == number:
            return run
    return None


def links(service: Object, rollout: Object, version: Object, run: Object | None, image: Object) -> Iterator[Link]:
    """The way back. `image` is what the labels of the served image say, which outlives every object of the cluster."""
    name, revision = owner(service)
    yield Link("InferenceService", service["metadata"]["name"], _known(ready=_ready(service)))
    role = version.get("role") or version.get("outcome", "")
    yield Link("ModelRollout", name, _known(revision=revision, role=role, weight=version.get("weight", "")))
    yield Link(
        "Model", version.get("model") or image.get("model", ""),
        _known(
            version=version.get("version") or image.get("version", ""),
            digest=version.get("digest") or image.get("modelDigest", ""), image=version.get("image", ""),
        ),
    )  # fmt: skip
    if run is not None:
        yield from _of_run(run)
    elif image:
        yield Link("TrainingRun", image.get("trainingRun", ""), _known(run=image.get("run", ""), object="deleted"))
        yield Link("Data", "", _known(digest=image.get("dataDigest", "")))
        code = _known(source=image.get("source", ""), revision=image.get("revision", ""), lock=image.get("lock", ""))
        yield Link("Code", image.get("base", ""), code)


def _of_run(run: Object) -> Iterator[Link]:
    spec, status = run["spec"], run.get("status") or {}
    facts = _known(run=status.get("runId", ""), cause=spec.get("cause", ""), ended=status.get("endedAt", ""))
    yield Link("TrainingRun", run["metadata"]["name"], facts)
    yield from _grown(status.get("increment") or {})
    for source in spec["data"]["sources"]:
        where = source.get("uri") or next((kind for kind in ("sql", "delta", "iceberg") if kind in source), "")
        yield Link("Data", source["name"], _known(source=where, digest=status.get("dataDigest", "")))
    trainer = spec["trainer"]
    built = (trainer.get("builtIn") or {}).get("estimator", "")
    function = trainer.get("function") or {}
    git, made_by = function.get("git") or {}, status.get("code") or {}
    code = _known(
        estimator=built, entrypoint=function.get("entrypoint", ""), repository=git.get("url", ""),
        commit=made_by.get("commit") or git.get("commit") or git.get("ref", ""),
        dirty=(git.get("difference") or {}).get("digest", ""), image=(trainer.get("image") or {}).get("image", ""),
        seed=str(spec.get("seed", 0)),
    )  # fmt: skip
    yield Link("Code", trainer["type"], code)


def _grown(increment: Object) -> Iterator[Link]:
    """What the run has continued, and with how much; the lineage in the model has each batch."""
    if increment:
        batches = increment.get("batches") or ()
        rows = sum(int(one.get("rows", 0)) for one in batches)
        count = int(increment.get("before", 0)) + len(batches)
        yield Link(
            "Base", increment.get("base", ""),
            _known(lineage=increment.get("lineage", ""), batches=str(count), rows=str(rows)),
        )  # fmt: skip


def _known(**facts: str) -> dict[str, str]:
    return {name: text for name, text in facts.items() if text}


def _ready(service: Object) -> str:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return next((one["status"] for one in conditions if one["type"] == "Ready"), "")


def lines(found: Sequence[Link]) -> Iterator[str]:
    """For people: one line each, the way back from left to right."""
    for depth, link in enumerate(found):
        facts = "  ".join(f"{name}={text}" for name, text in link.facts.items())
        yield f"{'  ' * depth}{link.kind} {link.name}  {facts}".rstrip()
