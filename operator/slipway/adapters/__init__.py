"""Where the world is touched: Kubernetes, Prometheus, MLflow."""
