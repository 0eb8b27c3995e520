-- The widget's API: tokens that were used, and requests that carried an id of their own.

-- A token is good once; its row is kept for as long as the token could be sent again.
CREATE TABLE token_uses (
    account_id bigint NOT NULL,
    jti        text NOT NULL,
    shard      smallint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, jti)
);
CREATE INDEX token_uses_expires ON token_uses (expires_at);

-- status and answer are null while the request is carried out by whoever holds the claim.
CREATE TABLE api_requests (
    account_id bigint NOT NULL,
    request_id uuid NOT NULL,
    shard      smallint NOT NULL,
    digest     bytea NOT NULL,
    claim      bigint NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    status     smallint,
    answer     bytea,
    PRIMARY KEY (account_id, request_id)
);
CREATE INDEX api_requests_claimed ON api_requests (claimed_at);
