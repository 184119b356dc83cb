CREATE TABLE users (id int PRIMARY KEY, name varchar(20), age int) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'a', 2);
-- change
ALTER TABLE users FORCE;
