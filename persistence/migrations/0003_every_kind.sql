-- Every kind of message: what was said first, topics, reactions, and chats that Telegram makes wait.

-- The forum topic in which a message stands (1: the General topic; null: no forum). The latest one of a conversation
-- is where an answer goes that answers nothing in particular.
ALTER TABLE messages ADD COLUMN thread_id bigint;
CREATE INDEX messages_thread ON messages (account_id, conversation_id, created_at) WHERE thread_id IS NOT NULL;

-- A topic may be linked by itself (null: the whole group is).
ALTER TABLE links ADD COLUMN thread_id bigint;

-- A Telegram message as it was first written, and as it is now.
CREATE TABLE originals (
    account_id bigint NOT NULL,
    bot_id     bigint NOT NULL,
    chat_id    bigint NOT NULL,
    message_id bigint NOT NULL,
    shard      smallint NOT NULL,
    first_text text NOT NULL,
    text       text NOT NULL,
    file_id    text,
    album      text,
    edits      integer NOT NULL DEFAULT 0,
    is_live    boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, bot_id, chat_id, message_id)
);
CREATE INDEX originals_created ON originals (created_at);

CREATE TABLE topics (
    group_id   bigint NOT NULL,
    thread_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    shard      smallint NOT NULL,
    name       text NOT NULL,
    is_closed  boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, thread_id)
);

-- Who has written in which topic: their contacts come into the deals of that topic.
CREATE TABLE topic_people (
    group_id   bigint NOT NULL,
    thread_id  bigint NOT NULL,
    user_id    bigint NOT NULL,
    account_id bigint NOT NULL,
    shard      smallint NOT NULL,
    PRIMARY KEY (group_id, thread_id, user_id)
);

-- Reactions of people in amoCRM to messages in Telegram: a bot has one per message, people may have several.
-- at_s (of the hook, Unix seconds) and entry_id (of the inbox) order them. What was taken back stays as a row without
-- an emoji, so that a late hook is known as late.
CREATE TABLE reactions (
    account_id bigint NOT NULL,
    bot_id     bigint NOT NULL,
    chat_id    bigint NOT NULL,
    message_id bigint NOT NULL,
    manager    text NOT NULL,
    shard      smallint NOT NULL,
    emoji      text,
    at_s       bigint NOT NULL DEFAULT 0,
    entry_id   bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, bot_id, chat_id, message_id, manager)
);
CREATE INDEX reactions_updated ON reactions (updated_at);

-- Chats that Telegram makes wait for long: kept, so that a restart does not knock again.
CREATE TABLE pauses (
    account_id bigint NOT NULL,
    bot_id     bigint NOT NULL,
    chat_id    bigint NOT NULL,
    shard      smallint NOT NULL,
    until      timestamptz NOT NULL,
    PRIMARY KEY (account_id, bot_id, chat_id)
);
CREATE INDEX pauses_until ON pauses (until);

-- The time zone of the account's managers, as amoCRM names it (null: not known).
ALTER TABLE accounts ADD COLUMN time_zone text;
