"""Builds the S3 server where it is missing: minutes, once per machine."""

from __future__ import annotations

import sys

from tests.cluster.errors import exit_code
from tests.stores.s3 import program

if __name__ == "__main__":
    sys.exit(exit_code(program))
