CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
-- lockstep: backfill email = lower(users.name) || '@example.org'
ALTER TABLE users ADD COLUMN email text NOT NULL;
-- plain
ALTER TABLE users ADD COLUMN email text;
UPDATE users SET email = lower(name) || '@example.org';
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
