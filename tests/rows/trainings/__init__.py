"""Rows that look at the same TrainingRuns: one worker has them all (tests/conftest.py)."""
