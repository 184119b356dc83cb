CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, NULL);
-- change
CREATE TABLE documents (id bigint PRIMARY KEY, body text) WITH (fillfactor = 70, toast.autovacuum_enabled = false, toast.autovacuum_vacuum_scale_factor = 0.2);
ALTER TABLE documents ADD COLUMN title text;
