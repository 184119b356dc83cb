CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE INDEX users_name ON users (name);
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touched();
CREATE SCHEMA other;
-- change
ALTER TABLE users ENABLE ALWAYS TRIGGER touch;
-- lockstep: revert ALTER TABLE users SET WITHOUT CLUSTER
ALTER TABLE users CLUSTER ON users_name;
-- lockstep: revert ALTER TABLE users ALTER COLUMN name RESET (n_distinct)
ALTER TABLE users ALTER COLUMN name SET (n_distinct = 5);
ALTER FUNCTION touched() SET SCHEMA other;
