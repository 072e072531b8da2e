-- A callback without a URL is in state 'none': nobody sends it, but its
-- merchant's feed shows it. resent_after is how many attempts had been made when
-- it was last resent: the outcome of one of those moves nothing any more.
-- Dropping the constraint of the parent drops that of every month.

-- +goose Up

ALTER TABLE callbacks DROP CONSTRAINT callbacks_state_check;
ALTER TABLE callbacks ADD CONSTRAINT callbacks_state_check CHECK (state IN ('pending', 'delivered', 'dead', 'none'));
ALTER TABLE callbacks ADD COLUMN resent_after bigint NOT NULL DEFAULT 0;

-- A merchant's feed and list; everybody's list; a payment's.
CREATE INDEX callbacks_of_merchant ON callbacks (merchant_id, created_at, event_id);
CREATE INDEX callbacks_made ON callbacks (created_at, event_id);
CREATE INDEX callbacks_of_payment ON callbacks (transaction_id);
CREATE INDEX callbacks_dead ON callbacks (created_at, event_id) WHERE state = 'dead';
