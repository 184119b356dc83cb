CREATE TABLE notes (text TEXT NOT NULL, at TEXT);
INSERT INTO notes (text, at) VALUES ('one', 'x'), ('two', 'y'), ('three', 'z');
-- change
-- lockstep: backfill length = length(text)
ALTER TABLE notes ADD COLUMN length INTEGER;
-- plain
ALTER TABLE notes ADD COLUMN length INTEGER;
UPDATE notes SET length = length(text);
