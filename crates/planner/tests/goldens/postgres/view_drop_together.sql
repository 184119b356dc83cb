CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE VIEW named AS SELECT id, name FROM users;
CREATE VIEW loud AS SELECT id, upper(name) AS name FROM named;
-- change
DROP VIEW IF EXISTS named, loud, nobody;
