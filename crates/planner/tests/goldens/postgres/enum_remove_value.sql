CREATE TYPE mood AS ENUM ('sad', 'ok', 'great');
CREATE TABLE users (id bigint PRIMARY KEY, feels mood);
INSERT INTO users VALUES (1, 'ok'), (2, NULL);
-- change
BEGIN;
CREATE TYPE "mood_new" AS ENUM ('sad', 'ok');
ALTER TABLE "users" ALTER COLUMN "feels" TYPE "mood_new" USING ("feels"::text::"mood_new");
ALTER TYPE "mood" RENAME TO "mood_old";
ALTER TYPE "mood_new" RENAME TO "mood";
DROP TYPE "mood_old";
COMMIT;
