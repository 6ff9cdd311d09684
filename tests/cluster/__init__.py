"""A real Kubernetes on one machine, for the demo and the tests: `python -m tests.cluster up`."""
