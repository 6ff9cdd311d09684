"""The live table on a terminal; the same looks as plain lines anywhere else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tests.demo.traffic import Tally
from tests.demo.view import View

COLOURS = {"Pass": "green", "Breach": "bold red", "Wait": "yellow", "Invalid": "magenta", "Unknown": "dim"}
NEWS = 12  # lines of the story that stay in sight


class Screen:
    """Says what happens. `look` gives the present state for the table; the screen asks for it once a second."""

    def __init__(self, plain: bool, console: Console | None = None) -> None:
        self._console = console or _console()
        self._plain = plain or not self._console.is_terminal
        self._started = time.monotonic()
        self._news: deque[str] = deque(maxlen=NEWS)
        self._look: Callable[[], tuple[View, Tally]] | None = None
        self._live: Live | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.title = "Slipway"

    def say(self, text: str) -> None:
        """One line of the story, with the time since the start."""
        line = f"{_clock(time.monotonic() - self._started)}  {text}"
        self._news.append(line)
        if self._live is None:
            self._console.print(line, markup=False, soft_wrap=True)

    def watch(self, look: Callable[[], tuple[View, Tally]]) -> None:
        """Starts to show the rollout; `look` must be safe to call from another thread."""
        self._look = look
        if not self._plain:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        self._thread = threading.Thread(target=self._show, name="table", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the table and leaves its last state on the terminal."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._live is not None:
            self._live.stop()
            self._live = None

    def print(self, what: RenderableType) -> None:
        """Prints something below the table, after `close`."""
        self._console.print(what)

    def _show(self) -> None:
        shown, at = "", 0.0
        while not self._stop.wait(1.0):
            assert self._look is not None
            view, tally = self._look()
            if self._live is not None:
                self._live.update(self._render(view, tally), refresh=True)
                continue
            line = view.line()
            # Plain: when the state changed, but not for every digit, and at least every 15 seconds.
            if view.phase and (_essence(view) != shown or time.monotonic() - at > 15):
                shown, at = _essence(view), time.monotonic()
                self.say(f"    {line} | client {tally.sent} sent, {tally.failed} failed")

    def _render(self, view: View, tally: Tally) -> RenderableType:
        news = Text("\n".join(self._news))
        head = f"{self.title} · {_clock(time.monotonic() - self._started)}"
        return Panel(Group(progress(view), variants(view), gates(view), client(tally), Text(""), news), title=head)


def progress(view: View) -> RenderableType:
    """Phase, stages, split, exposures, time left."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    marks = Text()
    for name in view.stages:
        marks.append(f" {name} ", style="black on cyan" if name == view.stage else "dim")
        marks.append(" ")
    table.add_row("phase", Text(view.phase or "-"))
    table.add_row("stage", marks)
    table.add_row("split", f"asked {view.asked or '-'}   measured {view.measured or '-'}")
    left = "-" if view.seconds_left is None else f"{view.seconds_left:.0f} s"
    table.add_row("evidence", f"{view.evidence or '-'}   time left {left}")
    if view.trouble or view.waits_for:
        table.add_row("waits for", Text(view.trouble or view.waits_for, style="red" if view.trouble else ""))
    return table


def variants(view: View) -> Table:
    """What runs, and what share it is asked to serve."""
    table = Table(box=None, padding=(0, 2), title_justify="left")
    for column in ("variant", "role", "version", "revision", "weight", "ready"):
        table.add_column(column)
    for item in view.variants:
        table.add_row(item.name, item.role, item.version, item.revision, item.weight, item.ready)
    return table


def gates(view: View) -> Table:
    """Each gate: value and confidence interval against its bound."""
    table = Table(box=None, padding=(0, 2))
    for column in ("gate", "value", "interval", "bound", "stable", "samples", "verdict", ""):
        table.add_column(column, overflow="fold")
    for gate in view.gates:
        verdict = Text(gate.verdict, style=COLOURS.get(gate.verdict, ""))
        message = gate.message if gate.verdict != "Pass" else ""
        table.add_row(gate.name, gate.value, gate.interval, gate.bound, gate.stable, gate.samples, verdict, message)
    return table


def client(tally: Tally) -> RenderableType:
    """What the client saw itself."""
    text = Text(f"client    {tally.sent} requests sent, {sum(tally.answered.values())} answered, ")
    text.append(f"{tally.failed} failed", style="bold red" if tally.failed else "green")
    for revision, count in tally.answered.most_common(4):
        rate = tally.positive_rate(revision) or 0.0
        text.append(f"\n          {revision}: {count} answers, {rate:.0%} say phishing")
    return text


def _console() -> Console:
    """Where output goes to a file or a pipe nobody gives it a width: lines stay whole."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=180)


def _essence(view: View) -> str:
    verdicts = tuple((gate.name, gate.verdict) for gate in view.gates)
    return repr((view.phase, view.stage, view.asked, view.trouble, verdicts))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"
