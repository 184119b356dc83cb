-- only: mariadb
CREATE TABLE users (id int PRIMARY KEY, seen timestamp NULL) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
-- rows: users 2
-- change
ALTER TABLE users MODIFY seen timestamp NOT NULL;
