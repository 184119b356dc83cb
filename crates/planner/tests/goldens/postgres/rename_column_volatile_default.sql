CREATE TABLE users (id bigint PRIMARY KEY, token uuid DEFAULT gen_random_uuid());
INSERT INTO users (id, token) VALUES (1, NULL), (2, '7c1a2b6e-0000-4000-8000-000000000001');
-- change
ALTER TABLE users RENAME COLUMN token TO secret;
