"""Serves in one process: `python3 -m slipway_serving.service`.

BentoML's own command starts a supervisor (a second Python process, two sockets of ZeroMQ) around each worker. A pod
has a supervisor already, the kubelet, so the worker alone runs here: 84 MiB less.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Any

# Before bentoml is imported: it reads them then. A read-only root leaves /tmp.
os.environ.setdefault("BENTOML_HOME", "/tmp/bentoml")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import uvicorn
from bentoml._internal.container import BentoMLContainer
from starlette.applications import Starlette

from slipway_serving.service.bento import Model, application, settings
from slipway_serving.service.front import Connection, Front
from slipway_serving.service.handover import LOG
from slipway_serving.service.http import DRAINED_BYTES
from slipway_serving.service.linepace import PacedFilter
from slipway_serving.service.settings import CLOSE_SECONDS, FINISH_SECONDS


class DrainingServer(uvicorn.Server):
    """Takes requests for a while after SIGTERM: gateways learn late that a pod leaves.

    Until `settings.drain_seconds` are over the pod says that it is not ready, answers what still comes, and asks each
    client to close its connection; then uvicorn finishes the requests in flight and ends.
    """

    def handle_exit(self, sig: int, frame: Any) -> None:
        """The signal handler; a second signal ends at once. uvicorn's own would exit with the signal's code, not 0."""
        if self.should_exit:
            self.force_exit = True
        elif application.draining or sig != signal.SIGTERM or settings.drain_seconds <= 0:
            self.should_exit = True
        else:
            application.draining = True
            loop = asyncio.get_event_loop()
            loop.call_soon_threadsafe(loop.call_later, settings.drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def build_app() -> Any:
    """BentoML's application behind a front door for predictions, and without the middlewares that nobody asked for.

    Tracing stays where an exporter is configured, and then all requests pass it; the timeout would create a task and a
    timer for every request.
    """
    app: Starlette = Model.to_asgi()
    traced = bool(BentoMLContainer.config.tracing.exporter_type.get())
    unwanted = {"TimeoutMiddleware"} | (set() if traced else {"OpenTelemetryMiddleware"})
    app.user_middleware = [one for one in app.user_middleware if getattr(one.cls, "__name__", "") not in unwanted]
    return app if traced else Front(application, app)


def main() -> None:
    """Configures logging to standard error and serves until a signal comes."""
    sinks: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.proof is not None:
        sinks.append(logging.FileHandler(settings.proof / LOG))
    logging.basicConfig(level=logging.INFO, handlers=sinks, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn.error").addFilter(PacedFilter(10.0))
    Connection.message_bytes = DRAINED_BYTES + 8 * settings.max_body  # in chunks of one byte it takes six
    config = uvicorn.Config(
        build_app(),
        http=Connection,
        ws="none",
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        # Longer than Envoy keeps an idle connection (an hour): it closes first, so no request meets a closing socket.
        timeout_keep_alive=3700,
        timeout_graceful_shutdown=FINISH_SECONDS,
        lifespan="on",
    )
    DrainingServer(config).run()
    application.close(CLOSE_SECONDS)


if __name__ == "__main__":
    main()
