CREATE TABLE users (id int PRIMARY KEY, age int, name varchar(20)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 2, 'a'), (2, 3, 'b');
-- change
ALTER TABLE users MODIFY age int NOT NULL;
