"""What the outside sees of a running syncd: log lines, metrics and probes. Everything here only listens."""
