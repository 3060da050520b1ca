"""Faults on purpose: real processes, a real PostgreSQL, a network that lies, and a checker that believes nobody."""
