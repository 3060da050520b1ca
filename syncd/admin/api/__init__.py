"""The JSON API, one module of routes per subject. Paths begin with `/api/v1`."""
