CREATE TABLE users (name varchar(50) PRIMARY KEY, age int) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES ('Ann', 1);
-- change
ALTER TABLE users MODIFY name varchar(50) COLLATE utf8mb4_bin NOT NULL;
