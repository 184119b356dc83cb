CREATE TABLE notes (name text NOT NULL UNIQUE);
INSERT INTO notes VALUES ('a'), ('b');
-- change
ALTER TABLE notes ADD COLUMN id bigserial PRIMARY KEY;
