"""slipway.dev/v1alpha1."""
