CREATE TABLE users (id int PRIMARY KEY, name varchar(50) NOT NULL, about text, kind enum('a','b') NOT NULL, code varchar(20), KEY by_name (name, id), KEY by_about (about(10))) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'Ann', 'x', 'a', 'c'), (2, 'Bob', NULL, 'b', NULL);
-- change
ALTER TABLE users MODIFY name varchar(50) COLLATE utf8mb4_bin NOT NULL AFTER about;
ALTER TABLE users MODIFY about text COLLATE utf8mb4_bin;
ALTER TABLE users MODIFY kind enum('a','b') COLLATE utf8mb4_bin NOT NULL;
ALTER TABLE users MODIFY code varchar(20) COLLATE utf8mb4_bin;
