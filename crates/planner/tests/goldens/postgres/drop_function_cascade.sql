CREATE TABLE users (id bigint PRIMARY KEY, modified_at timestamptz);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.modified_at = now(); RETURN NEW; END $$;
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE PROCEDURE touch();
CREATE TRIGGER users_other BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION public.other();
INSERT INTO users (id) VALUES (1);
-- change
DROP FUNCTION touch() CASCADE;
