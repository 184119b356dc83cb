CREATE TABLE users (id int NOT NULL, name varchar(20), UNIQUE KEY one (id)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
-- change
DROP INDEX one ON users;
