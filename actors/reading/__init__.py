"""Telegram messages, read: who speaks, whence, and what amoCRM can show of it. Pure."""
