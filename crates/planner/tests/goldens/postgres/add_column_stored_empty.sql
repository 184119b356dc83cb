CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
-- rows: public.users 0
-- change
ALTER TABLE users ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) STORED;
CREATE INDEX users_loud ON users (loud);
