CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
ALTER TABLE users ADD CONSTRAINT users_long CHECK (length(name) > 1);
CREATE INDEX users_by_name ON users (name);
-- change
ALTER TABLE users RENAME CONSTRAINT users_long TO users_named;
ALTER INDEX users_by_name RENAME TO users_name_idx;
REINDEX INDEX users_name_idx;
