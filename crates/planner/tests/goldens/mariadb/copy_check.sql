CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE users (id int PRIMARY KEY, team int, age int, other int, CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id), FOREIGN KEY (other) REFERENCES teams (id)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO teams VALUES (1), (2);
INSERT INTO users VALUES (1, 1, 30, 2), (2, NULL, NULL, NULL), (3, 2, 5, 1);
-- change
ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 0), ADD CHECK (age < 200);
