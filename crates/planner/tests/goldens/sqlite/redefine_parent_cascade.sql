CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE users (id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams (id) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO teams (id, name) VALUES (1, 'red'), (2, NULL);
INSERT INTO users (id, team) VALUES (1, 1), (2, 1), (3, 2);
-- change
PRAGMA foreign_keys = OFF;
CREATE TABLE new_teams (id INTEGER PRIMARY KEY, name TEXT, place TEXT NOT NULL DEFAULT 'here');
INSERT INTO new_teams (id, name) SELECT id, name FROM teams;
DROP TABLE teams;
ALTER TABLE new_teams RENAME TO teams;
PRAGMA foreign_keys = ON;
