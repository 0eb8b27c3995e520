"""Clients of the outside world: the Telegram Bot API, amoCRM's Chats API and amoCRM's REST.

Each speaks one service's language over `transport.HttpTransport` and raises only what `errors` names.
"""
