CREATE TABLE teams (id bigint PRIMARY KEY, name text);
CREATE TABLE users (id bigint PRIMARY KEY, name text, team bigint);
INSERT INTO teams (id, name) VALUES (1, 'red'), (2, NULL);
INSERT INTO users (id, name, team) VALUES (1, 'Ann', 1), (2, NULL, 2);
CREATE MATERIALIZED VIEW members AS SELECT u.id, u.name AS user_name, count(*) AS many FROM users u JOIN teams t ON t.id = u.team GROUP BY 1, 2;
-- change
ALTER TABLE teams RENAME COLUMN name TO title;
