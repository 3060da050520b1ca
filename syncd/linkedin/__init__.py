"""The only code that speaks to LinkedIn: bytes, HTTP, tokens, and one module per resource of its API."""
