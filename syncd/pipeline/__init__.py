"""The road, verbs: thin async loops from a committed outbox row to LinkedIn and back into the ledger."""
