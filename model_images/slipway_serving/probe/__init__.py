"""Asks a model's server, in its own pod and before any client does: does it answer, and how fast.

Runs beside the model in the Job of a proof. It loads no model and holds no credential.
"""
