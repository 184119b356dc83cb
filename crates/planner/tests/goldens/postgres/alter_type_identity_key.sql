CREATE TABLE users (id integer GENERATED ALWAYS AS IDENTITY (INCREMENT BY 5 START WITH 10) PRIMARY KEY, name text NOT NULL);
INSERT INTO users (name) VALUES ('Ann'), ('Bob'), ('Cy');
-- change
ALTER TABLE users ALTER COLUMN id TYPE bigint;
