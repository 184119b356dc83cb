CREATE TABLE users (id bigint PRIMARY KEY, state text DEFAULT 'new', size integer DEFAULT 3);
INSERT INTO users VALUES (1, 'old', NULL), (2, NULL, 1);
-- change
ALTER TABLE users RENAME COLUMN state TO status;
