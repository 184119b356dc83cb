CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO users (id, name) VALUES (1, 'A'), (2, 'B');
-- change
-- lockstep: backfill email = lower(name) || '@example.org'
ALTER TABLE users ADD COLUMN email TEXT NOT NULL;
-- plain
CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
INSERT INTO users_new SELECT id, name, lower(name) || '@example.org' FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
