CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE users (id int PRIMARY KEY, team int, CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id));
-- change
DROP INDEX of_team ON users;
