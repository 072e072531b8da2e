-- The twin of PostgreSQL's 00010.

-- +goose Up

CREATE INDEX qr_validations_of_payee ON qr_validations (lower(payee_addr), created_at);
CREATE INDEX req_pays_of_payee ON req_pays (lower(payee_addr), at);
CREATE INDEX req_pays_of_payer ON req_pays (lower(payer_addr), at);
CREATE INDEX req_pays_failed_of_payee ON req_pays (lower(payee_addr), at) WHERE status = 'FAILED';
CREATE INDEX req_pays_failed_of_payer ON req_pays (lower(payer_addr), at) WHERE status = 'FAILED';
