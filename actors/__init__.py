"""The domain: account, bot and group actors, and the pure modules that translate between Telegram and amoCRM.

What all share stands here: `outbox` (the base of every actor), the bodies of outbox rows, names and addresses,
settings, the registry of accounts and bots, the way in (`intake`). The rest by what it is about: `accounts`, `bots` and
`groups` hold the three actors with what each owns; `reading` understands Telegram's messages, `cards` writes into
amoCRM's deal cards, `answering` brings managers' answers to Telegram, `gestures` are reactions and typing, `files` the
signed links.
"""
