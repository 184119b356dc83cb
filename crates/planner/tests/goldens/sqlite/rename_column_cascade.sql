CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE users (id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams (id) ON DELETE SET NULL ON UPDATE CASCADE, name TEXT);
INSERT INTO teams (id, name) VALUES (1, 'red'), (2, 'blue');
INSERT INTO users (id, team, name) VALUES (1, 1, 'Ann'), (2, 1, 'Bob'), (3, 2, NULL);
-- change
ALTER TABLE users RENAME COLUMN team TO team_id;
