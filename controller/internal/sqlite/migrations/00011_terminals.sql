-- The language of a terminal's words, and by which names its device called itself:
-- two devices with one identity are noticed by that.

-- +goose Up

ALTER TABLE terminals ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN boot TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN boots TEXT NOT NULL DEFAULT '[]';
ALTER TABLE terminals ADD COLUMN shared_at INTEGER;
