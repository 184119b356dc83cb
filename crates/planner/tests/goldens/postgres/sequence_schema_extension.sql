CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE SEQUENCE old_numbers;
-- change
CREATE SCHEMA app;
CREATE SEQUENCE app.numbers;
CREATE TABLE app.things (id bigint PRIMARY KEY DEFAULT nextval('app.numbers'), name text);
CREATE EXTENSION IF NOT EXISTS pg_trgm;
DROP SEQUENCE old_numbers;
