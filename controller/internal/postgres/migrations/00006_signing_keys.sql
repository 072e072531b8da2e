-- The online signing keys (DESIGN 4). A row holds what happened to a key; its
-- state (next, active, retiring, retired) follows from the three times and the
-- time that it is. The private seed stands, sealed, in secrets under the same
-- id. Keys are never deleted.

-- +goose Up

CREATE TABLE signing_keys (
    id           text COLLATE "C" PRIMARY KEY,
    public_key   bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    activated_at timestamptz,
    retired_at   timestamptz
);

-- The version of the key set, in the one row there is. It only rises; whoever
-- changes a key raises it in the same transaction.
CREATE TABLE signing_key_set (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO signing_key_set (version) VALUES (0);
