CREATE TABLE users (id bigint PRIMARY KEY, name varchar(10), made timestamptz, tags jsonb, size integer DEFAULT 3);
INSERT INTO users VALUES (1, 'Ann', now(), '{}', 1), (2, 'Bob', NULL, NULL, 2);
-- change
-- lockstep: irreversible
UPDATE users AS u SET made = '2022-11-25 00:00+00', tags = '{"a": 1}', name = 'x', size = NULL WHERE u.id < 9;
