"""The BentoML service: its lifecycle and probes, with our application mounted for everything else.

`bentoml serve slipway_serving.service.bento:Model` works too, with BentoML's supervisor and with one worker only:
counts live in the process, and a scrape reaches one process.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import bentoml

from slipway_serving.service.application import Application
from slipway_serving.service.handover import hand_over
from slipway_serving.service.model import load_model
from slipway_serving.service.settings import Settings, read_settings

logger = logging.getLogger("slipway.serving")

# EX_SOFTWARE and EX_CONFIG of sysexits.h
_LOAD_FAILED, _MISCONFIGURED = 70, 78


def _tell(message: str) -> None:
    """Leaves the reason where the kubelet finds it, and KServe, and so the operator; outside of a pod there is none."""
    with suppress(OSError):
        Path(os.environ.get("SLIPWAY_TERMINATION_LOG", "/dev/termination-log")).write_text(message[:4000])


def _settings() -> Settings:
    """Those of this pod; ones that cannot work end the process."""
    try:
        return read_settings(os.environ)
    except ValueError as error:
        _tell(str(error))
        print(f"the model cannot be served: {error}", file=sys.stderr)
        sys.exit(_MISCONFIGURED)


settings = _settings()
application = Application(settings)


class ModelService:
    """Loads the model beside the event loop, so that the pod is alive at once and ready when it can answer."""

    def __init__(self) -> None:
        threading.Thread(target=_load, name="load-model", daemon=True).start()

    def __is_ready__(self) -> bool:
        return application.ready


def _load() -> None:
    """A model that does not load ends the process: Kubernetes then shows the log of a crash, not an eternal unready."""
    try:
        model = load_model(settings.model)
        if settings.proof is not None:
            hand_over(model, settings.model, settings.proof)
    except BaseException:
        logger.exception("the model in %s does not load", settings.model)
        logging.shutdown()
        os._exit(_LOAD_FAILED)
    gc.collect()
    gc.freeze()  # the 200 MiB that never die again are not searched while requests wait
    try:
        application.serve(model)
    except Exception as error:
        logger.error("the model cannot be served: %s", error)
        _tell(str(error))
        logging.shutdown()
        os._exit(_MISCONFIGURED)
    logger.info("the model in %s is loaded: %d features", settings.model, len(model.schema.columns))


Model: Any = bentoml.service(
    ModelService,
    name="model",
    workers=1,
    metrics={"enabled": False},  # ours replace them: a prediction passes none of BentoML's handlers
    logging={"access": {"enabled": False}},
    traffic={"timeout": 31_536_000},  # the route's timeout rules; the middleware itself is taken out (__main__)
)
Model.mount_asgi_app(application, path="/")
