-- The administration: who may change what, what was changed, and which key
-- seals the secrets. Times are the database's.

-- +goose Up

ALTER TABLE providers ADD COLUMN active boolean NOT NULL DEFAULT true;
ALTER TABLE organisations ADD COLUMN active boolean NOT NULL DEFAULT true;
CREATE INDEX payees_merchant ON payees (merchant_id, vpa);

-- hash is the SHA-256 of the token, which is kept nowhere.
CREATE TABLE admin_tokens (
    name       text COLLATE "C" PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    revoked_at timestamptz
);

-- Lines are added, never changed. Changes are made one at a time, so ids have no
-- gaps and are in the order of the changes.
CREATE TABLE audit_log (
    id      bigint PRIMARY KEY CHECK (id > 0),
    at      timestamptz NOT NULL,
    actor   text COLLATE "C" NOT NULL,
    source  text NOT NULL,
    action  text COLLATE "C" NOT NULL,
    target  text COLLATE "C" NOT NULL,
    details text NOT NULL
);
CREATE INDEX audit_log_target ON audit_log (target, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);

-- The id of the key that seals secrets, as it stands in bytes 2 to 9 of each;
-- empty until the key is changed for the first time. Whoever still has the old
-- key after that can add nothing: there is never a mix.
CREATE TABLE seal_key (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    key_id bytea NOT NULL
);
INSERT INTO seal_key (key_id) VALUES ('');

-- +goose StatementBegin
CREATE FUNCTION sealed_by_one_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bytea;
BEGIN
    -- The share lock waits for a change of the key that is under way.
    SELECT key_id INTO wanted FROM seal_key FOR SHARE;
    IF length(wanted) > 0 AND wanted <> substring(NEW.sealed FROM 2 FOR 8) THEN
        RAISE EXCEPTION 'the sealing key was changed: start again with the new key file';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sealed_by_one_key BEFORE INSERT OR UPDATE OF sealed ON salt_keys
    FOR EACH ROW EXECUTE FUNCTION sealed_by_one_key();
CREATE TRIGGER sealed_by_one_key BEFORE INSERT OR UPDATE OF sealed ON secrets
    FOR EACH ROW EXECUTE FUNCTION sealed_by_one_key();
