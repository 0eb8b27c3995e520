-- What an account needs to be lived with for years: its installation step by step, its troubles, its employees,
-- and what became of the deals that groups are linked to.

ALTER TABLE accounts
    ADD COLUMN api_domain        text,
    ADD COLUMN drive_url         text,
    ADD COLUMN is_technical      boolean NOT NULL DEFAULT false,
    ADD COLUMN hook_key          text,
    ADD COLUMN link_field_id     bigint,
    ADD COLUMN trouble           text,
    ADD COLUMN trouble_detail    text,
    ADD COLUMN trouble_since     timestamptz,
    ADD COLUMN reauthorise_since timestamptz,
    ADD COLUMN uninstalled_at    timestamptz;
-- A new grant writes its own columns only (see accounts.Grant): the choices of an account begin empty.
ALTER TABLE accounts ALTER COLUMN settings SET DEFAULT '{}';
CREATE UNIQUE INDEX accounts_hook_key ON accounts (hook_key) WHERE hook_key IS NOT NULL;

-- Every code that amoCRM gave on an installation, by its digest, and what became of it. account_id is 0: whose code it
-- was is known only afterwards (installed_id).
CREATE TABLE installations (
    install_key  text PRIMARY KEY,
    account_id   bigint NOT NULL,
    shard        smallint NOT NULL,
    host         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    detail       text,
    installed_id bigint,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX installations_installed ON installations (installed_id);
CREATE INDEX installations_updated ON installations (updated_at);

-- One row per step of an installation; a step may be carried out again at any time.
CREATE TABLE setup_steps (
    account_id bigint NOT NULL,
    step       text NOT NULL,
    shard      smallint NOT NULL,
    state      text NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    detail     text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, step)
);

-- Telegram users who work for the account: what they write is the amoCRM user's, not a client's.
CREATE TABLE employees (
    account_id  bigint NOT NULL,
    user_id     bigint NOT NULL,
    shard       smallint NOT NULL,
    amo_user_id bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, user_id)
);

-- What is wrong with a bot's connection, as last checked, by code.
ALTER TABLE bots
    ADD COLUMN troubles   jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN checked_at timestamptz;

-- The deal as it was last seen, and why a link ended (null: somebody unlinked it).
ALTER TABLE links
    ADD COLUMN deal_state  text NOT NULL DEFAULT 'open' CHECK (deal_state IN ('open', 'won', 'lost', 'deleted')),
    ADD COLUMN pipeline_id bigint,
    ADD COLUMN reason      text,
    ADD COLUMN merged_into bigint;
CREATE INDEX links_lost ON links (account_id, unlinked_at) WHERE status = 'unlinked' AND reason IS NOT NULL;
-- When amoCRM tells of a contact, its conversations are looked for.
CREATE INDEX conversations_contact ON conversations (account_id, contact_id) WHERE contact_id IS NOT NULL;

-- A bot can leave an account and be connected to another one. What it was in each is a row of its own, and everything
-- that is known by a bot's id is known per account; that a bot serves one account at a time is held by the index.
ALTER TABLE bots
    DROP CONSTRAINT bots_pkey,
    ADD PRIMARY KEY (account_id, bot_id),
    DROP CONSTRAINT bots_status_check,
    ADD CONSTRAINT bots_status_check CHECK (status IN ('connecting', 'active', 'revoked', 'removed')),
    ADD COLUMN removed_at timestamptz;
CREATE UNIQUE INDEX bots_connected ON bots (bot_id) WHERE status <> 'removed';
DROP INDEX bots_account;

-- The conversation policy that a group's messages were last laid out under (null: the default). When the account has
-- another one, the group's people are brought into the deals as the new policy wants it.
ALTER TABLE groups ADD COLUMN policy text;

DROP INDEX groups_chat;
CREATE UNIQUE INDEX groups_chat ON groups (account_id, bot_id, chat_id) WHERE status <> 'merged';

ALTER TABLE chat_aliases
    DROP CONSTRAINT chat_aliases_pkey,
    ADD PRIMARY KEY (account_id, bot_id, chat_id);

ALTER TABLE persons
    DROP CONSTRAINT persons_pkey,
    ADD PRIMARY KEY (account_id, bot_id, user_id);

-- The actor of a bot is that of a bot in an account: what waits for it goes along.
UPDATE inbox SET address_key = account_id || '-' || address_key WHERE address_kind = 'bot';
UPDATE outbox SET address_key = account_id || '-' || address_key WHERE address_kind = 'bot';
UPDATE dead_letters SET address_key = account_id || '-' || address_key WHERE address_kind = 'bot';

-- Contacts that amoCRM was asked to create, written before the request. Without contact_id: of unknown outcome.
CREATE TABLE contact_claims (
    account_id bigint NOT NULL,
    value      text NOT NULL,
    shard      smallint NOT NULL,
    contact_id bigint,
    begun_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, value)
);
-- Private chats whose contact amoCRM has not told yet (they are in the unsorted).
CREATE INDEX conversations_unclaimed ON conversations (account_id, chat_uuid)
    WHERE contact_id IS NULL AND group_id IS NULL AND ready;

-- An employee is told once that what they write to a bot in private is nobody's message to the company.
ALTER TABLE persons ADD COLUMN told_employee boolean NOT NULL DEFAULT false;

-- What was said in a group, for the import into a deal that is linked later (see past.py).
CREATE INDEX inbox_said ON inbox (address_key, id) WHERE address_kind = 'group' AND result IN ('said', 'edited');
CREATE INDEX outbox_answers ON outbox (address_key, id)
    WHERE address_kind = 'group' AND kind = 'tg.answer' AND (state = 'unknown' OR (state = 'done' AND error IS NULL));

-- Until when hooks were taken in for certain (see repairs.py). account_id is 0: it is the service's own.
CREATE TABLE heartbeats (
    name       text PRIMARY KEY,
    account_id bigint NOT NULL,
    shard      smallint NOT NULL,
    good_at    timestamptz NOT NULL
);

-- The comparison of an account's chats after an outage, and how far it has come.
CREATE TABLE repairs (
    account_id bigint PRIMARY KEY,
    shard      smallint NOT NULL,
    state      text NOT NULL CHECK (state IN ('running', 'done')),
    chats      bigint NOT NULL,
    compared   bigint NOT NULL,
    found      bigint NOT NULL,
    late       bigint NOT NULL,
    failed     bigint NOT NULL,
    carried_ms bigint,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_latest ON messages (account_id, created_at) INCLUDE (conversation_id);
