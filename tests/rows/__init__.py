"""The lifecycle, row by row (docs: lifecycle.md). Black boxes: manifests in, API server, HTTP and Prometheus out."""
