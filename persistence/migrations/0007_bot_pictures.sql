-- The bot's own picture at Telegram, for the settings page: the file, and Telegram's unchanging name of it, by which
-- another picture is told from the same one under a new file id. Null: it has none, or nobody has looked yet.
ALTER TABLE bots
    ADD COLUMN picture     text,
    ADD COLUMN picture_key text;
