"""Real rows: the phishing websites of UCI, as river's wheel carries them (1,250 rows, nine features, a label).

Every feature is coded 0, 0.5 or 1 ("points kept": 1 is what a trustworthy page does). The data set has no user, so the
client of the demo assigns visitors itself (see traffic.py), and it has no time, so the split is an explicit column.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

FEATURES = (
    "empty_server_form_handler",
    "popup_window",
    "https",
    "request_from_other_domain",
    "anchor_from_other_domain",
    "is_popular",
    "long_url",
    "age_of_domain",
    "ip_in_url",
)
LABEL = "is_phishing"
SPLITS = (("train", 800), ("validation", 200), ("test", 250))
SEED = 7


@dataclass(frozen=True)
class Row:
    """One page: its number in the wheel's file, its features in order, its label, its split."""

    number: int
    features: tuple[float, ...]
    label: str
    split: str

    def instance(self) -> dict[str, float]:
        """The features by name, as a request carries them."""
        return dict(zip(FEATURES, self.features, strict=True))


def wheel_file() -> Path:
    """The data file inside river's wheel, found without importing river (which costs a second).

    Raises:
        FileNotFoundError: when river is not installed; the message says what installs it.
    """
    spec = importlib.util.find_spec("river")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package `river` carries the data of the demo: run `make environments`")
    return Path(next(iter(spec.submodule_search_locations))) / "datasets" / "phishing.csv.gz"


def rows(path: Path | None = None) -> tuple[Row, ...]:
    """All rows, each in exactly one split; the split is drawn once from a fixed seed."""
    with gzip.open(path or wheel_file(), "rt", newline="") as file:
        raw = list(csv.DictReader(file))
    names = [name for name, size in SPLITS for _ in range(size)]
    if len(names) != len(raw):
        raise ValueError(f"expected {len(names)} rows in river's phishing data, found {len(raw)}")
    random.Random(SEED).shuffle(names)
    return tuple(
        Row(number, tuple(float(line[name]) for name in FEATURES), line[LABEL], split)
        for number, (line, split) in enumerate(zip(raw, names, strict=True))
    )


def as_csv(these: Iterable[Row], offset: float = 0.0) -> str:
    """The training file: page, features, label, split.

    `offset` is added to every feature. With -1 the file counts points *lost* (-1, -0.5, 0) where the client sends
    points *kept* (0, 0.5, 1): a serving skew. Evaluation on the same file cannot see it; every live row looks flawless.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["page", *FEATURES, LABEL, "split"])
    for row in these:
        writer.writerow([row.number, *(f"{value + offset:g}" for value in row.features), row.label, row.split])
    return out.getvalue()


def training_files(these: Sequence[Row]) -> dict[str, str]:
    """What the cluster publishes: the honest file, and the one in other units."""
    return {"phishing.csv": as_csv(these), "phishing-points-lost.csv": as_csv(these, offset=-1.0)}


def live_rows(these: Iterable[Row]) -> tuple[Row, ...]:
    """Rows that a client may send: those that no model was trained on."""
    return tuple(row for row in these if row.split != "train")


def shifted_rows(these: Iterable[Row]) -> tuple[Row, ...]:
    """The same real pages in another mixture: a wave of pages that open popups without one of their own domain's.

    Three of four requests come from pages with `popup_window` = 1, which were one of eight before.
    """
    kept = tuple(these)
    wave = tuple(row for row in kept if row.features[FEATURES.index("popup_window")] == 1.0)
    if not wave:
        raise ValueError("no row has popup_window = 1: the demo cannot shift its inputs")
    return tuple(wave[index % len(wave)] for index in range(3 * len(kept))) + kept
