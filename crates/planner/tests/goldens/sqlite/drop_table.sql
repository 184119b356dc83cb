CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
CREATE INDEX teams_by_name ON teams (name);
CREATE TABLE users (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES teams (id));
INSERT INTO teams (id, name) VALUES (1, 'A');
INSERT INTO users (id, team_id) VALUES (1, 1);
-- change
DROP TABLE users;
DROP TABLE IF EXISTS Teams;
DROP TABLE IF EXISTS no_such;
