CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE VIEW named AS SELECT id, name FROM users;
CREATE VIEW loud AS SELECT id, upper(name) AS name FROM named;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM loud;
CREATE UNIQUE INDEX kept_id ON kept (id);
-- change
DROP VIEW named;
