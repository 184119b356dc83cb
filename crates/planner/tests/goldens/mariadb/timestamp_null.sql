CREATE TABLE users (id int PRIMARY KEY, seen timestamp NOT NULL DEFAULT current_timestamp()) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, '2020-01-01 10:00:00'), (2, '2021-02-02 20:00:00');
-- rows: users 2
-- change
ALTER TABLE users MODIFY seen timestamp NULL;
