-- since: 18
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob');
-- change
ALTER TABLE users ADD COLUMN shouted text GENERATED ALWAYS AS (upper(name));
ALTER TABLE users ADD COLUMN whispered text GENERATED ALWAYS AS (lower(name)) VIRTUAL;
CREATE TABLE notes (id bigint PRIMARY KEY, text text, size integer GENERATED ALWAYS AS (length(text)));
