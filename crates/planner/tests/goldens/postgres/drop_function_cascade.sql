CREATE SCHEMA audit;
CREATE TABLE users (id bigint PRIMARY KEY, modified_at timestamptz);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.modified_at = now(); RETURN NEW; END $$;
CREATE FUNCTION touch(integer) RETURNS integer LANGUAGE sql AS $$ SELECT $1 $$;
CREATE FUNCTION audit.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE PROCEDURE touch();
CREATE TRIGGER users_audit BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION audit.touch();
INSERT INTO users (id) VALUES (1);
-- change
DROP FUNCTION touch(integer);
CREATE TABLE notes (id bigint PRIMARY KEY, modified_at timestamptz);
create trigger notes_touch before update on notes for each row
  execute procedure public.touch();
DROP FUNCTION touch() CASCADE;
