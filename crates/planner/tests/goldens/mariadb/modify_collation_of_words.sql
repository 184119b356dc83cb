CREATE TABLE users (id int PRIMARY KEY, name varchar(50), FULLTEXT KEY (name)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'Ann');
-- change
ALTER TABLE users MODIFY name varchar(50) COLLATE utf8mb4_bin;
