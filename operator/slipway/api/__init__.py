"""The kinds of slipway.dev, as frozen pydantic models: the one source of the CRDs, of validation and of documentation."""
