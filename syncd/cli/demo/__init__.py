"""`syncd demo`: everything there is, on one machine, with nothing to install and nobody to ask.

A CRM that is not ours commits changes beside its own tables; the daemon carries them to the sandbox; in the end both
are compared member by member. The CRM and the comparison use nothing of syncd's, so that they can prove something.
"""
