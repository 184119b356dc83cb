CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE TYPE color AS ENUM ('red');
-- change
DO $$ BEGIN
    CREATE TYPE mood AS ENUM ('good', 'bad');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;
DO $$ BEGIN
    CREATE TYPE color AS ENUM ('red', 'blue');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'age') THEN
        ALTER TABLE users ADD COLUMN age integer;
    END IF;
    IF EXISTS (SELECT 1 FROM pg_class WHERE relname = 'nobody') THEN
        DROP TABLE nobody;
    END IF;
END $$;
DO LANGUAGE plpgsql $$ BEGIN ALTER TABLE users ADD COLUMN nick text; CREATE INDEX users_nick ON users (nick); END; $$;
