CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE users (id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams (id) ON DELETE CASCADE ON UPDATE CASCADE, age INTEGER);
INSERT INTO teams (id, name) VALUES (1, 'red'), (2, 'blue');
INSERT INTO users (id, team, age) VALUES (1, 1, 30), (2, 1, 40), (3, 2, NULL);
-- change
ALTER TABLE users RENAME TO users_old;
CREATE TABLE users (id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams (id) ON DELETE SET NULL ON UPDATE CASCADE, age INTEGER, place TEXT NOT NULL DEFAULT 'here');
INSERT INTO users (id, team, age) SELECT id, team, age FROM users_old;
DROP TABLE users_old;
