CREATE TABLE users (id bigint unsigned NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cy');
-- change
ALTER TABLE users ADD COLUMN lower_name varchar(50) AS (lower(name)) VIRTUAL, ADD INDEX by_lower (lower_name);
