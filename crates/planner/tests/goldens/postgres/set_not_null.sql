CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users (id, name) VALUES (1, 'Ann');
-- change
ALTER TABLE users ALTER COLUMN name SET NOT NULL;
