"""The contract of a served image, clause by clause: what a server must do to be served, judged and logged.

The standard library alone: the same code runs beside a server in its pod and in the CLI. docs/own-image.md has the
clauses in words, under the same ids.
"""
