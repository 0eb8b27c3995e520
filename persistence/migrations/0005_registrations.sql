-- Who registered the widget (see registrations.py). account_id is 0 while the account is not known.
CREATE TABLE registrations (
    registration_key text PRIMARY KEY,
    account_id       bigint NOT NULL,
    shard            smallint NOT NULL,
    host             text NOT NULL CHECK (host <> ''),
    subdomain        text NOT NULL,
    claimed_account  bigint,
    client_name      text NOT NULL,
    phone            text NOT NULL,
    consented_at     timestamptz,
    status           text NOT NULL CHECK (status IN ('Y', 'N')),
    client_uuid      text NOT NULL,
    widget_name      text NOT NULL,
    enum_id          text NOT NULL,
    is_verified      boolean NOT NULL,
    revision         bigint NOT NULL,
    forward_state    text NOT NULL CHECK (forward_state IN ('none', 'pending', 'done', 'failed')),
    forwarded_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registrations_account ON registrations (account_id);
CREATE INDEX registrations_updated ON registrations (updated_at);
