CREATE TABLE users (id bigint PRIMARY KEY, name text) WITH (fillfactor = 90, autovacuum_enabled = false);
ALTER TABLE users SET (toast.autovacuum_enabled = false);
CREATE TABLE notes (id bigint PRIMARY KEY, text text);
CREATE INDEX users_name ON users (name) WITH (fillfactor = 80);
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob');
-- change
ALTER TABLE users SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 50);
ALTER TABLE users RESET (autovacuum_enabled, toast.autovacuum_enabled);
ALTER TABLE notes SET (autovacuum_enabled = false, toast.autovacuum_vacuum_scale_factor = 0.2);
ALTER INDEX users_name SET (fillfactor = 70);
