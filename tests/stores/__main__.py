"""Builds the S3 server where it is missing: minutes, once per machine."""

from __future__ import annotations

from tests.stores.s3 import program

if __name__ == "__main__":
    program()
