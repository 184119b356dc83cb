CREATE TABLE users (id int PRIMARY KEY, name varchar(50) NOT NULL, KEY (name)) DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;
INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob');
-- change
ALTER TABLE users MODIFY name varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL;
