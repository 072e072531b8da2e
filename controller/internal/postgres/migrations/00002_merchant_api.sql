-- What the rest of the merchant API keeps (payment init for EDC, v3, collect,
-- refund): the columns of a payment, a terminal's settings and its last pull,
-- live short order ids, and the outbox to the UPI network.

-- +goose Up

ALTER TABLE transactions
    DROP CONSTRAINT transactions_solution_check,
    ADD CONSTRAINT transactions_solution_check
        CHECK (solution IN ('DQR_DEVICE', 'EDC', 'QR', 'QR_STRING', 'COLLECT', 'REFUND')),
    ADD COLUMN short_order_id   text NOT NULL DEFAULT '',
    ADD COLUMN allow_card       boolean NOT NULL DEFAULT false,
    ADD COLUMN allow_dqr        boolean NOT NULL DEFAULT false,
    ADD COLUMN auto_accept      boolean NOT NULL DEFAULT false,
    ADD COLUMN accepted         boolean NOT NULL DEFAULT false,
    ADD COLUMN context_terminal text NOT NULL DEFAULT '',
    ADD COLUMN sub_merchant_id  text NOT NULL DEFAULT '',
    ADD COLUMN message          text NOT NULL DEFAULT '',
    ADD COLUMN collect_by       text NOT NULL DEFAULT '',
    ADD COLUMN collect_from     text NOT NULL DEFAULT '',
    ADD COLUMN original         text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN refunded         bigint NOT NULL DEFAULT 0,
    ADD COLUMN handover_by      timestamptz,
    ADD COLUMN handed_over_at   timestamptz,
    ADD COLUMN started_at       timestamptz,
    ADD COLUMN attend_at        timestamptz,
    ADD COLUMN asked_at         timestamptz,
    ADD COLUMN instrument       text NOT NULL DEFAULT '',
    ADD COLUMN card_last4       text NOT NULL DEFAULT '',
    ADD COLUMN card_network     text NOT NULL DEFAULT '',
    ADD COLUMN card_type        text NOT NULL DEFAULT '',
    ADD CONSTRAINT transactions_refunded_check CHECK (refunded >= 0 AND refunded <= amount);
CREATE INDEX transactions_attend ON transactions (attend_at) WHERE attend_at IS NOT NULL;
-- Lists of a merchant's payments ask for merchant_id || '' and use this index. Of
-- the bare column it would look as good to the planner as the unique one when a
-- payment is looked up by the merchant's key, and read all of the merchant's.
CREATE INDEX transactions_of_merchant ON transactions ((merchant_id || ''), created_at, id);
CREATE INDEX transactions_of_original ON transactions (original) WHERE original <> '';

ALTER TABLE terminals
    ADD COLUMN payment_window_seconds bigint NOT NULL DEFAULT 0,
    ADD COLUMN busy         text NOT NULL DEFAULT '',
    ADD COLUMN pull_id      text NOT NULL DEFAULT '',
    ADD COLUMN pull_code    text NOT NULL DEFAULT '',
    ADD COLUMN pull_outcome text NOT NULL DEFAULT '',
    ADD COLUMN pull_by      text NOT NULL DEFAULT '',
    ADD COLUMN pull_since   timestamptz,
    ADD COLUMN pull_at      timestamptz,
    ADD COLUMN stored       text NOT NULL DEFAULT '';

ALTER TABLE credits ADD COLUMN version bigint NOT NULL DEFAULT 0;
CREATE INDEX credits_open ON credits (at) WHERE state IN ('received', 'reversing', 'suspense');

-- The latest OPEN order of each short id of a store; it is live while its
-- payment has not ended.
CREATE TABLE short_orders (
    merchant_id    text COLLATE "C" NOT NULL,
    store_id       text COLLATE "C" NOT NULL,
    short_order_id text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    version        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, store_id, short_order_id)
) WITH (fillfactor = 85);

-- What the UPI network is to be told or asked. A row can be leased from the
-- later of its due time and the end of its lease.
CREATE TABLE network_requests (
    id             text COLLATE "C" PRIMARY KEY,
    kind           text NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    org_id         text COLLATE "C" NOT NULL,
    txn_id         text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead')),
    attempts       bigint NOT NULL DEFAULT 0,
    leased_until   timestamptz,
    error          text NOT NULL DEFAULT ''
);
CREATE INDEX network_requests_free ON network_requests (greatest(due_at, leased_until)) WHERE state = 'pending';
