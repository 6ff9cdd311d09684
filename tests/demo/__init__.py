"""The demonstration: real models pass from training to full traffic on a real cluster, and bad ones are caught.

Nothing here imports `slipway*`: the demo sees what a user sees, that is manifests, the API server, HTTP and Prometheus.
"""
