CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
-- rows: public.users 0
-- change
ALTER TABLE users ADD COLUMN team integer NOT NULL;
ALTER TABLE users ADD COLUMN boss bigint NOT NULL REFERENCES users (id);
