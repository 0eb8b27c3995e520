"""Telegram files behind signed links."""
