"""Where a model comes from, as its tracking server tells: what the image's labels say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 512
_SOURCE, _REVISION = "org.opencontainers.image.source", "org.opencontainers.image.revision"
_TITLE, _VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"


@dataclass(frozen=True)
class Origin:
    """A model's history; what nobody wrote down is empty. `run` is MLflow's run id, `training_run` names the
    TrainingRun, `source` and `revision` a Git repository and its commit."""

    model: str = ""
    version: str = ""
    run: str = ""
    training_run: str = ""
    data_digest: str = ""
    source: str = ""
    revision: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """Labels of an image: the annotation keys of the OCI Image Specification, and ours."""
        found = {
            _TITLE: self.model,
            _VERSION: self.version,
            _SOURCE: self.source,
            _REVISION: self.revision,
            "dev.slipway.model": self.model,
            "dev.slipway.version": self.version,
            "dev.slipway.run": self.run,
            "dev.slipway.training-run": self.training_run,
            "dev.slipway.data-digest": self.data_digest,
        }
        return {name: text for name, text in found.items() if text}


def origin_of(run: Mapping[str, Any], run_id: str, model: str = "", version: str = "") -> Origin:
    """Reads a run as `runs/get` of MLflow's REST API answers it; an empty one where it is gone."""
    data = run.get("data") or {}
    tags, params = _texts(data.get("tags")), _texts(data.get("params"))
    datasets = [one.get("dataset") or {} for one in (run.get("inputs") or {}).get("dataset_inputs") or ()]
    named = str(datasets[0].get("digest", "")) if len(datasets) == 1 else ""
    return Origin(
        model=_line(model),
        version=version,
        run=run_id,
        training_run=tags.get("slipway.run", ""),
        data_digest=params.get("data.digest", "") or _line(named),
        source=_without_credentials(tags.get("mlflow.source.git.repoURL", "")),
        revision=tags.get("mlflow.source.git.commit", ""),
    )


def _texts(entries: Any) -> dict[str, str]:
    return {str(one["key"]): _line(str(one.get("value", ""))) for one in entries or () if one.get("key")}


def _line(text: str) -> str:
    """One line of bounded length: whoever may write a tag does not write the image's configuration."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST]


def _without_credentials(url: str) -> str:
    return re.sub(r"^([a-z+]+://)[^/@]*@", r"\1", url)
