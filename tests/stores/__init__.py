"""Tests against a real S3 server: versitygw, built from Go's module proxy once per machine."""
