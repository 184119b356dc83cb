CREATE TABLE users (id bigint unsigned NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL DEFAULT 'a\\b', code varchar(80) DEFAULT (concat('it''s', 'ä')), PRIMARY KEY (id), KEY by_name ((concat(name, 'it''s'))), KEY by_code (code) INVISIBLE, CONSTRAINT named CHECK (name <> 'it''s ä')) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cy');
-- change
ALTER TABLE users DROP CHECK named;
DROP INDEX by_name ON users;
DROP INDEX by_code ON users;
ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x';
ALTER TABLE users ALTER COLUMN code SET DEFAULT 'y';
