CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE VIEW mailed AS SELECT id, mail FROM users;
CREATE VIEW old_users AS SELECT id FROM users;
-- change
CREATE VIEW named AS SELECT id, name FROM users;
CREATE OR REPLACE VIEW mailed AS SELECT id, mail, name FROM users;
DROP VIEW old_users;
