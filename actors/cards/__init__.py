"""Deal cards: conversations and what is posted, changed and noted there."""
