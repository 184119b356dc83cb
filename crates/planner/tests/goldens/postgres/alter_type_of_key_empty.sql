CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
-- rows: public.users 0
-- change
ALTER TABLE users ALTER COLUMN id TYPE integer;
ALTER TABLE users ALTER COLUMN name TYPE integer USING length(name);
ALTER TABLE users ALTER COLUMN mail TYPE text COLLATE "C";
