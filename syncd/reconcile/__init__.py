"""Control loops beside the road: what is declared becomes true at LinkedIn, what LinkedIn says becomes known here."""
