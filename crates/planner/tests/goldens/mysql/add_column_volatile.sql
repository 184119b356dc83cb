CREATE TABLE users (id bigint unsigned NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cy');
-- change
ALTER TABLE users ADD COLUMN score int NOT NULL DEFAULT (floor(rand() * 0)), ADD COLUMN mark int DEFAULT (floor(rand() * 0));
-- plain
ALTER TABLE users ADD COLUMN score int NOT NULL DEFAULT 0, ADD COLUMN mark int DEFAULT 0;
ALTER TABLE users ALTER COLUMN score SET DEFAULT (floor(rand() * 0)), ALTER COLUMN mark SET DEFAULT (floor(rand() * 0));
