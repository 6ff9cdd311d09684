#!/bin/sh
# mypy, with what it knows of the packages: half a minute for a clone that has no cache. mypy compares the contents of
# files, not their places and times, so a clone begins with the cache of the last one whose types were right.
#
# Each clone works on a copy, since two that run at once would wait for each other's database.
set -eu
cd "$(dirname "$0")/.."
cache=${SLIPWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway}
key=$(sha256sum < requirements/dev.txt | cut -c1-16)
kept=$cache/mypy-$key.tar
[ -d .mypy_cache ] || [ ! -e "$kept" ] || tar -xf "$kept" || rm -rf .mypy_cache
.venv/bin/python -m mypy
tar -cf "$kept.$$" .mypy_cache && mv "$kept.$$" "$kept" || rm -f "$kept.$$"
