CREATE TABLE users (tenant TEXT NOT NULL, id INTEGER NOT NULL, name TEXT, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
INSERT INTO users (tenant, id, name) VALUES ('x', 1, 'A'), ('y', 1, 'B');
-- change
-- lockstep: backfill Email = lower(name) || '@example.org'
ALTER TABLE users ADD COLUMN email TEXT DEFAULT '';
-- plain
ALTER TABLE users ADD COLUMN email TEXT DEFAULT '';
UPDATE users SET email = lower(name) || '@example.org';
