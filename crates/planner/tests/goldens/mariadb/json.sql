-- only: mariadb
CREATE TABLE users (id int PRIMARY KEY, data json NOT NULL, kept json NOT NULL DEFAULT '{}') DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, '{"a": 1}', '{}'), (2, '[2]', '{"b": 2}');
-- differs: column users.wanted
-- MariaDB itself loses the check of what is JSON when such a column gets another name.
-- change
ALTER TABLE users MODIFY data json NULL;
ALTER TABLE users RENAME COLUMN kept TO wanted;
