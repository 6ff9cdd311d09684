"""`python3 -m slipway_serving.scoring`: one pod of a scoring Job; its result goes where the kubelet hands it to the
operator."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from slipway_serving.scoring.faults import EXIT_TRANSIENT, ScoringFault
from slipway_serving.scoring.request import read_request
from slipway_serving.scoring.run import Run
from slipway_serving.scoring.source import open_source
from slipway_serving.scoring.stores import credentials_of, locate
from slipway_serving.service.model import ServedModel, load_model
from slipway_serving.service.settings import Settings, read_settings

logger = logging.getLogger("slipway.scoring")
INPUT, OUTPUT = "SLIPWAY_INPUT_", "SLIPWAY_OUTPUT_"
_MOST_BYTES = 4096  # what the kubelet keeps of a container's termination message


def main(environment: Mapping[str, str] | None = None) -> int:
    """Scores; returns the exit code: 0, 1 (somebody must change something), 75 (trying again may help)."""
    environment = os.environ if environment is None else environment
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    log = Path(environment.get("SLIPWAY_TERMINATION_LOG", "/dev/termination-log"))
    try:
        report, code = {"scored": score(environment, log)}, 0
    except ScoringFault as fault:
        report, code = {"error": {"reason": fault.reason, "message": fault.message[:2500]}}, fault.exit_code
    except Exception as error:  # a fault of ours, said as such
        logger.exception("scoring itself failed")
        said = {"reason": "InternalError", "message": f"{type(error).__name__}: {error}"[:2500]}
        report, code = {"error": said}, EXIT_TRANSIENT
    publish(report, log)
    return code


def score(environment: Mapping[str, str], log: Path) -> dict[str, Any]:
    """One run. Raises ScoringFault."""
    request, settings = read_request(environment), read_settings(environment)
    output = locate(request.output, request.data, credentials_of(environment, OUTPUT))
    model = _loaded(settings)
    try:
        source = open_source(request, credentials_of(environment, INPUT))
    except ScoringFault as fault:
        if request.trial and fault.reason == "FileMissing":  # rows come later: that says nothing against a model
            return {"rows": 0, "badRecords": 0, "seconds": 0, "output": "", "message": fault.message}
        raise
    run = Run(request, settings, model, source)
    if request.trial:
        return run.trial()
    return run.complete(output, lambda progress: publish({"scoring": progress}, log))


def _loaded(settings: Settings) -> ServedModel:
    try:
        return load_model(settings.model)
    except (Exception, SystemExit) as error:  # a model that ends the process with 0 has scored nothing
        logger.exception("the model in %s does not load", settings.model)
        raise ScoringFault("ModelNotLoaded", f"the model does not load: {type(error).__name__}: {error}") from error


def publish(report: dict[str, Any], log: Path) -> None:
    """Into the log, and where Kubernetes reads what a container said last, however it ends."""
    logger.info("%s", json.dumps(report, ensure_ascii=False))
    content = json.dumps(report).encode()
    if len(content) > _MOST_BYTES:
        report["error"]["message"] = report["error"]["message"].encode("ascii", "replace").decode()[:1000]
        content = json.dumps(report).encode()
    try:
        _replace(log, content)
    except OSError:
        logger.warning("%s cannot be written: outside of a pod the line above is the result", log)


def _replace(log: Path, content: bytes) -> None:
    """By one write, blanks over what was longer: whoever is killed leaves the words before or these. The file is a
    mount in a pod, so that no other can take its place."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, content.ljust(os.fstat(descriptor).st_size), 0)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def _end(*_: Any) -> NoReturn:
    """At once, as SIGKILL would: an exception might be raised within the model, and be taken for its fault."""
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    # The first process of a container ignores a signal without a handler, and would be killed half a minute later.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
