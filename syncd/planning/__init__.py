"""What may be done with an audience: who is in it, what a budget may bring, whom else to target. Every question is
checked here by LinkedIn's own rules before a call is spent on it.
"""
