CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE users (id int PRIMARY KEY, team int, FOREIGN KEY (team) REFERENCES teams (id));
INSERT INTO teams VALUES (1);
INSERT INTO users VALUES (1, 1);
-- change
ALTER TABLE users DROP FOREIGN KEY users_ibfk_1;
