-- The administration: who may change what, what was changed, and which key
-- seals the secrets. Times are microseconds since 1970.

-- +goose Up

ALTER TABLE providers ADD COLUMN active INTEGER NOT NULL DEFAULT 1;
ALTER TABLE organisations ADD COLUMN active INTEGER NOT NULL DEFAULT 1;
CREATE INDEX payees_merchant ON payees (merchant_id, vpa);

-- hash is the SHA-256 of the token, which is kept nowhere.
CREATE TABLE admin_tokens (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- Lines are added, never changed. Ids have no gaps and are in the order of the
-- changes.
CREATE TABLE audit_log (
    id      INTEGER PRIMARY KEY CHECK (id > 0),
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    source  TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_target ON audit_log (target, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);

-- The id of the key that seals secrets, as it stands in bytes 2 to 9 of each;
-- empty until the key is changed for the first time. Whoever still has the old
-- key after that can add nothing: there is never a mix.
CREATE TABLE seal_key (
    one    INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    key_id BLOB NOT NULL
) STRICT;
INSERT INTO seal_key (key_id) VALUES (x'');

-- +goose StatementBegin
CREATE TRIGGER salt_keys_inserted_by_one_key BEFORE INSERT ON salt_keys
WHEN EXISTS (SELECT 1 FROM seal_key WHERE length(key_id) > 0 AND key_id <> substr(NEW.sealed, 2, 8))
BEGIN
    SELECT RAISE(ABORT, 'the sealing key was changed: start again with the new key file');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER salt_keys_updated_by_one_key BEFORE UPDATE OF sealed ON salt_keys
WHEN EXISTS (SELECT 1 FROM seal_key WHERE length(key_id) > 0 AND key_id <> substr(NEW.sealed, 2, 8))
BEGIN
    SELECT RAISE(ABORT, 'the sealing key was changed: start again with the new key file');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER secrets_inserted_by_one_key BEFORE INSERT ON secrets
WHEN EXISTS (SELECT 1 FROM seal_key WHERE length(key_id) > 0 AND key_id <> substr(NEW.sealed, 2, 8))
BEGIN
    SELECT RAISE(ABORT, 'the sealing key was changed: start again with the new key file');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER secrets_updated_by_one_key BEFORE UPDATE OF sealed ON secrets
WHEN EXISTS (SELECT 1 FROM seal_key WHERE length(key_id) > 0 AND key_id <> substr(NEW.sealed, 2, 8))
BEGIN
    SELECT RAISE(ABORT, 'the sealing key was changed: start again with the new key file');
END;
-- +goose StatementEnd
