"""`python3 -m slipway_serving.build.system fetch|install …`, with the arguments of the build itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from slipway_serving.build.__main__ import reported
from slipway_serving.build.system.stages import fetch, install

_STAGES = {"fetch": fetch, "install": install}


def main(arguments: Sequence[str] | None = None) -> int:
    """One of the two; returns the exit code of the build's contract: 0, 1, 75."""
    name, *rest = sys.argv[1:] if arguments is None else arguments
    if name not in _STAGES:
        print(f"slipway_serving.build.system: {name!r} is none of {', '.join(_STAGES)}", file=sys.stderr)
        return 2
    return reported(_STAGES[name], rest)


if __name__ == "__main__":
    sys.exit(main())
