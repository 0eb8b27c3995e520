"""The paid life of an account: its states, what rests while it has lapsed, and what administrators are told."""
