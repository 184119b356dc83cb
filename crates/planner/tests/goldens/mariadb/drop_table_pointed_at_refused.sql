CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE users (id int PRIMARY KEY, team int, FOREIGN KEY (team) REFERENCES teams (id));
-- change
DROP TABLE IF EXISTS teams;
