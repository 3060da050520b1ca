"""The only SQL of syncd."""
