CREATE TABLE users (id bigserial PRIMARY KEY, name text);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE VIEW named AS SELECT name FROM users;
-- change
ALTER SEQUENCE users_id_seq RENAME TO people_ids;
ALTER TRIGGER stamp ON users RENAME TO stamped;
ALTER FUNCTION stamp() RENAME TO put_stamp;
ALTER VIEW named RENAME TO names;
