CREATE TABLE settings (name varchar(50) NOT NULL, content text, UNIQUE KEY name (name)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO settings VALUES ('a', 'x'), ('b', NULL), ('c', '');
-- change
ALTER TABLE settings ADD COLUMN id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;
