-- The administration lists everybody's payments of a state. Those that came to
-- nothing are a small part of all, and are found among millions by this; a payment
-- that succeeds, or is under way, has no line in it. It is built beside writers, so
-- this is no transaction; what a migration that was cut short has left is made again.

-- +goose NO TRANSACTION
-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS transactions_in_vain;
CREATE INDEX CONCURRENTLY transactions_in_vain ON transactions (state, id) WHERE state IN ('failed', 'cancelled', 'expired');
