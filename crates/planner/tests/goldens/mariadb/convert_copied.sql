CREATE TABLE users (id int PRIMARY KEY, name varchar(50) NOT NULL, kind enum('a','b') NOT NULL, about text, KEY (about(10))) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'Ann', 'a', 'x');
-- change
ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
