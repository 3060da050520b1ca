"""Benchmarks: real processes, a durable PostgreSQL, the sandbox. They fail on wrong results, never on time."""
