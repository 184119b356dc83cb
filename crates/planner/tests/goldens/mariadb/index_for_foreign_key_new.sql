CREATE TABLE teams (id int PRIMARY KEY) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO teams VALUES (1), (2);
-- change
CREATE TABLE users (id int PRIMARY KEY, team int, age int, FOREIGN KEY (team) REFERENCES teams (id)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE INDEX by_team ON users (team, age);
