-- The language of a terminal's words, and by which names its device called itself:
-- two devices with one identity are noticed by that.

-- +goose Up

ALTER TABLE terminals
    ADD COLUMN language  text NOT NULL DEFAULT '',
    ADD COLUMN boot      text NOT NULL DEFAULT '',
    ADD COLUMN boots     jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN shared_at timestamptz;
