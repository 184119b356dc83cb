CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL);
INSERT INTO users (name) VALUES ('a'), ('b');
-- change
ALTER TABLE users DROP COLUMN id;
ALTER TABLE users ADD PRIMARY KEY (name);
