"""A cluster that the user gives: what the project needs is looked for there, and what is missing is named.

The same things as in the embedded cluster are looked for: KServe, a Gateway, Prometheus, MLflow, an image registry.
docs/own-cluster.md says what is asked of each, and names every variable.
"""
