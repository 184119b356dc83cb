CREATE TABLE teams (id int PRIMARY KEY);
INSERT INTO teams VALUES (1), (2);
CREATE TABLE users (id int PRIMARY KEY, team int, score int, CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id) ON DELETE CASCADE) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 1, 5), (2, NULL, NULL);
-- change
ALTER TABLE users RENAME COLUMN score TO points;
