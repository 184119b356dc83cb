CREATE TABLE users (id bigint PRIMARY KEY, mail varchar(100) DEFAULT 'none', code varchar(10), amount numeric(10, 2) DEFAULT 0);
INSERT INTO users (id, code) VALUES (1, 'a');
-- change
ALTER TABLE users ALTER COLUMN mail TYPE text, ALTER COLUMN code SET DATA TYPE varchar(20);
ALTER TABLE users ALTER COLUMN amount TYPE numeric(12, 2);
