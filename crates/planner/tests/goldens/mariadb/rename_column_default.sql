CREATE TABLE users (id int PRIMARY KEY, state varchar(20) DEFAULT 'new', size int DEFAULT 3, place varchar(20)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'old', NULL, 'x'), (2, NULL, 1, NULL);
-- change
ALTER TABLE users RENAME COLUMN state TO status;
