CREATE TABLE teams (id int PRIMARY KEY) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE users (id int PRIMARY KEY, team int, age int, CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO teams VALUES (1), (2);
INSERT INTO users VALUES (1, 1, 30), (2, 2, 40);
-- change
CREATE INDEX by_team ON users (team, age);
