"""A Telegram bot: its connection and check-ups, its private chats, its mass sendings."""
