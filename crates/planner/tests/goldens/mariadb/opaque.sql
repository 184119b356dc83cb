CREATE TABLE users (id int PRIMARY KEY, name varchar(20)) DEFAULT CHARSET=utf8mb4;
-- change
-- lockstep: opaque
-- lockstep: revert ALTER TABLE users DROP INDEX words
ALTER TABLE users ADD FULLTEXT KEY words (name);
