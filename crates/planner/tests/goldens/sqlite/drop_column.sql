CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, legacy TEXT NOT NULL DEFAULT 'x' CHECK (legacy <> ''));
CREATE INDEX by_legacy ON users (legacy);
INSERT INTO users (id, name) VALUES (1, 'A'), (2, 'B');
-- change
DROP INDEX by_legacy;
ALTER TABLE users DROP COLUMN legacy;
