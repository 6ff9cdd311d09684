#!/bin/sh
# Renews the locks: `make locks`. Hashes, and no address of an index, so that any mirror serves them.
set -eu
cd "$(dirname "$0")/.."
lock() {
  name=$1; shift
  extras=""; for extra in "$@"; do extras="$extras --extra $extra"; done
  # shellcheck disable=SC2086
  uv pip compile -q pyproject.toml $extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-header --output-file "requirements/$name.txt"
}
lock operator operator
lock cli cli
lock pipelines pipelines
lock serving serving
# What the builder installs into served images travels in its package.
cp requirements/serving.txt model_images/slipway_serving/build/serving.lock
# Images of Batch tasks alone read and write Parquet, by 110 MB more; the pins of the others are theirs too.
cp requirements/serving.txt requirements/scoring.txt
lock scoring serving scoring
cp requirements/scoring.txt model_images/slipway_serving/build/scoring.lock
lock builder builder
lock dev operator pipelines serving builder dev
# Rivals of the served image's server, which nothing else needs.
lock bench bench
