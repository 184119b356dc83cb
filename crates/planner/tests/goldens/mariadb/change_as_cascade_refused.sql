CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE users (id int PRIMARY KEY, team int, score int, CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id) ON DELETE SET NULL);
-- change
-- lockstep: as points using score * team back points
ALTER TABLE users MODIFY score bigint;
