"""The kinds of slipway.dev as frozen pydantic models: the one source of CRDs, validation and documentation."""
