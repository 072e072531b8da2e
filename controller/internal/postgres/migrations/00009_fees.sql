-- What merchants pay for a payment, by merchant and category; '' is any. Where no
-- row fits, the payee's own basis points count. Amounts are in paise, 0 is no
-- bound.

-- +goose Up

CREATE TABLE fee_schedules (
    merchant_id  text COLLATE "C" NOT NULL,
    mcc          text COLLATE "C" NOT NULL,
    basis_points bigint NOT NULL,
    min_fee      bigint NOT NULL,
    max_fee      bigint NOT NULL,
    rounding     text NOT NULL,
    PRIMARY KEY (merchant_id, mcc)
);

-- The settlement of a day reads what ended in it. No lookup by key can take this
-- index: it asks for no ended_at.
CREATE INDEX transactions_ended ON transactions (ended_at) WHERE ended_at IS NOT NULL;
