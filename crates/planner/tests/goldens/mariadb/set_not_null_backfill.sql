CREATE TABLE users (id int PRIMARY KEY, age int, name varchar(20)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 2, 'a'), (2, NULL, 'b');
-- change
-- lockstep: backfill age = id + 10
-- lockstep: revert UPDATE users SET age = NULL WHERE id = 2
ALTER TABLE users MODIFY age int NOT NULL;
-- plain
UPDATE users SET age = id + 10 WHERE age IS NULL;
ALTER TABLE users MODIFY age int NOT NULL;
