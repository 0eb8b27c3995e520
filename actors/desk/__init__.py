"""What the settings page in amoCRM may see and do with an account's bots and groups."""
