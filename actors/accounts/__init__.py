"""An amoCRM account: its installation, tokens, contacts and sources, the mending of gaps, its end."""
