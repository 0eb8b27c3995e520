"""A Telegram group: its links to deals, its menu, its topics, and what is said in it."""
