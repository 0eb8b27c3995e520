"""dealgram connects Telegram bots and groups to the deal cards of amoCRM."""

__version__ = "0.1.0"
