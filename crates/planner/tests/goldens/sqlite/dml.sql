CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, score INTEGER);
CREATE TABLE settings (name TEXT NOT NULL PRIMARY KEY, value TEXT);
INSERT INTO users (id, name, score) VALUES (1, ' A', 1), (2, 'B ', 2), (3, NULL, 3);
-- change
INSERT INTO settings (value, name) VALUES (lower('ON'), 'mail'), (NULL, 'it''s');
-- lockstep: irreversible
UPDATE users SET name = 'nobody' WHERE name IS NULL;
-- lockstep: revert UPDATE users SET score = score - 1
UPDATE users SET score = score + 1;
-- lockstep: irreversible
DELETE FROM users WHERE id = 3;
