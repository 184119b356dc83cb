CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO users (id, name) VALUES (1, 'A');
-- change
-- lockstep: opaque
-- lockstep: revert DELETE FROM users WHERE id = 77
WITH n(i) AS (SELECT 77) INSERT INTO users (id) SELECT i FROM n;
