CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO teams (id, name) VALUES (1, 'A');
-- change
CREATE TABLE helper (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'x', CHECK (name <> ''));
INSERT INTO helper (id, name) SELECT id, name FROM teams;
DROP TABLE helper;
