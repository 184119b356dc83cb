CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE UNIQUE INDEX users_by_name ON users (name);
CREATE TRIGGER no_delete BEFORE DELETE ON users WHEN OLD.name = 'root' BEGIN SELECT RAISE(ABORT, 'no'); END;
INSERT INTO users (id, name) VALUES (1, 'A'), (2, 'B');
-- change
ALTER TABLE users ADD COLUMN day TEXT NOT NULL DEFAULT (substr('2026', 1, 2));
-- plain
CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, day TEXT NOT NULL DEFAULT (substr('2026', 1, 2)));
INSERT INTO users_new (id, name) SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
CREATE UNIQUE INDEX users_by_name ON users (name);
CREATE TRIGGER no_delete BEFORE DELETE ON users WHEN OLD.name = 'root' BEGIN SELECT RAISE(ABORT, 'no'); END;
