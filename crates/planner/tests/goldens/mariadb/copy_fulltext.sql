CREATE TABLE pages (id int NOT NULL, part varchar(10) NOT NULL, body text, data longblob, weight double, PRIMARY KEY (part, id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO pages VALUES (1, 'a', 'first of all', x'00ff', 0.1), (2, 'a', NULL, NULL, NULL), (1, 'b', 'third', x'', 1e100);
CREATE VIEW first_pages AS SELECT id, body FROM pages WHERE part = 'a';
-- change
ALTER TABLE pages ADD FULLTEXT INDEX words (body), ADD COLUMN size int GENERATED ALWAYS AS (char_length(body)) STORED AFTER body, ADD INDEX by_size (size), ADD rating int NOT NULL DEFAULT 3;
