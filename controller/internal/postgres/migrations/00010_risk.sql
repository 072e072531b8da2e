-- What risk rules count: recent messages of a payer, of a payee. Addresses
-- compare lower-cased as ASCII, whatever the database's locale. The address is
-- in the index a second time so that PostgreSQL sees that the index is enough.

-- +goose Up

CREATE INDEX qr_validations_of_payee ON qr_validations (lower(payee_addr COLLATE "C"), created_at) INCLUDE (payee_addr);
CREATE INDEX req_pays_of_payee ON req_pays (lower(payee_addr COLLATE "C"), at) INCLUDE (payee_addr);
CREATE INDEX req_pays_of_payer ON req_pays (lower(payer_addr COLLATE "C"), at) INCLUDE (payer_addr);
CREATE INDEX req_pays_failed_of_payee ON req_pays (lower(payee_addr COLLATE "C"), at) INCLUDE (payee_addr) WHERE status = 'FAILED';
CREATE INDEX req_pays_failed_of_payer ON req_pays (lower(payer_addr COLLATE "C"), at) INCLUDE (payer_addr) WHERE status = 'FAILED';
