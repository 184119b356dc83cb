CREATE TABLE pages (id bigint PRIMARY KEY, data text NOT NULL, body text, kind text);
ALTER TABLE pages ALTER COLUMN body SET STATISTICS 50;
ALTER TABLE pages ALTER COLUMN kind SET (n_distinct = 4);
INSERT INTO pages (id, data, body, kind) VALUES (1, 'a', 'b', 'c');
-- change
ALTER TABLE pages
  ALTER COLUMN data SET STORAGE EXTERNAL,
  ALTER COLUMN body SET STATISTICS 200,
  ALTER COLUMN body SET STORAGE MAIN;
ALTER TABLE pages ALTER COLUMN kind SET (n_distinct = 10, n_distinct_inherited = 3);
ALTER TABLE pages ALTER COLUMN kind SET STORAGE PLAIN;
ALTER TABLE pages ALTER COLUMN kind SET COMPRESSION pglz;
CREATE TABLE parts (id bigint PRIMARY KEY, data text);
ALTER TABLE parts ALTER COLUMN data SET STORAGE EXTERNAL;
