"""Managers' answers on their way to Telegram: texts, files, albums, quotations, refusals and waits."""
