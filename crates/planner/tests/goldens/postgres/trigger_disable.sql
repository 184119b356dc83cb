CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stamp();
-- change
ALTER TABLE users DISABLE TRIGGER stamp;
ALTER TABLE users ENABLE TRIGGER stamp;
ALTER TABLE users DISABLE TRIGGER stamp;
