CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ann');
-- change
-- lockstep: revert DELETE FROM users WHERE id = 100000
INSERT INTO users (id, name) SELECT 100000, 'Bob';
