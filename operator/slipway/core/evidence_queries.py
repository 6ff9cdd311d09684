"""The texts of the questions to Prometheus: the same few for a whole shard of rollouts (rule 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WINDOWS = ((300, "5m"), (900, "15m"), (3600, "1h"), (21600, "6h"), (86400, "1d"), (604800, "7d"))
_BY = "rollout,revision,traffic,epoch"

SHARD = 50
"""Most rollouts that one text names: 50 names are 3 KiB, well within what any server or proxy takes as an address."""


def window(age: float) -> str:
    """The window class that covers an epoch of `age` seconds: few classes, so that queries are shared."""
    return next((text for limit, text in _WINDOWS if age <= limit), "30d")


def shard(judged: Sequence[str], rollout: str) -> Sequence[str]:
    """The rollouts that are asked for together with `rollout`, of all that are `judged`, which it is among."""
    ordered = sorted(judged)
    first = ordered.index(rollout) // SHARD * SHARD
    return ordered[first : first + SHARD]


def selector(rollouts: Sequence[str]) -> str:
    """Label matcher of these rollouts; of all that their names may hold only the full stop means more than itself."""
    return 'rollout=~"{}"'.format("|".join(name.replace(".", "[.]") for name in rollouts))


def _sum(selected: str, labels: str, within: str, recent: str = "") -> str:
    """Counts only grow, so that those of the `recent` window are all of now but all of then; who was not there then had
    none."""
    total = f"sum by ({_BY}{labels})(max_over_time({selected}[{within}]))"
    if not recent:
        return total
    then = f"sum by ({_BY}{labels})(max_over_time({selected}[{within}] offset {recent}))"
    return f"({total} - ({then} or 0 * {total}))"


def _occupied(trials: str, recent: str) -> str:
    """Clusters that had requests in the window; of a whole epoch no other is known."""
    return f"({trials} > 0)" if recent else trials


def moments_of(y: str, n: str, label: str = "", by: str = _BY) -> dict[str, str]:
    """Sums over clusters. `y` has one series per cluster (and `label`) of each `by`, `n` one per cluster."""
    product = f"{y} * on ({by},cluster) group_left () {n}"
    return {
        "clusters": f"count by ({by})({n})",
        "y": f"sum by ({by}{label})({y})",
        "n": f"sum by ({by})({n})",
        "yy": f"sum by ({by}{label})(({y}) ^ 2)",
        "nn": f"sum by ({by})(({n}) ^ 2)",
        "yn": f"sum by ({by}{label})({product})",
    }


def queries(within: str, rollouts: Sequence[str], recent: str = "") -> Mapping[str, str]:
    """All PromQL texts for one window class and shard, by the name under which `collect` expects their answers.

    With `recent`, a length of time, counts are those of this window; else all since the epoch began.
    """
    of = selector(rollouts)
    texts = {
        "requests": _sum(f"slipway_evidence_requests{{{of}}}", ",assigned,code", within, recent),
        "predictions": _sum(f"slipway_evidence_predictions{{{of}}}", ",assigned,class", within, recent),
        "latency": _sum(f"slipway_evidence_duration_bucket{{{of}}}", ",assigned,le", within, recent),
        "scraped": f"time() - max by (rollout,revision)(timestamp(slipway_serving_info{{{of}}}))",
    }
    requests, answers = "slipway_evidence_cluster_requests", f"slipway_evidence_cluster_predictions{{{of}}}"
    errors = moments_of(
        _sum(f'{requests}{{{of},outcome="error"}}', ",cluster", within, recent),
        _occupied(_sum(f"{requests}{{{of}}}", ",cluster", within, recent), recent),
    )
    trials = _occupied(_sum(answers, ",cluster", within, recent), recent)
    classes = moments_of(_sum(answers, ",cluster,class", within, recent), trials, label=",class")
    texts |= {f"error_{name}": text for name, text in errors.items()}
    texts |= {f"class_{name}": text for name, text in classes.items()}
    registers = f"max by ({_BY},register)(max_over_time(slipway_exposure_register{{{of}}}[{within}]))"
    texts["registers"] = f"count by ({_BY})({registers})"
    texts["powers"] = f"sum by ({_BY})(2 ^ (-1 * {registers}))"
    return texts


def needed(metric: str) -> tuple[str, ...]:
    """Which of the texts a built-in metric is judged by, as the beginnings of their names."""
    families = {"error_rate": ("error_",), "request_rate": (), "missing_rate": ()}
    if metric.startswith("latency_"):
        return ("requests", "scraped", "latency")
    return ("requests", "scraped", *families.get(metric, ("predictions", "class_")))
