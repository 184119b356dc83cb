CREATE TABLE "RateLimit" (id bigint PRIMARY KEY, value integer NOT NULL);
CREATE TYPE "Mood" AS ENUM ('happy', 'sad');
-- change
CREATE FUNCTION refill("limit" "RateLimit", mood "Mood") RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT ("limit").value + 1 $$;
CREATE OR REPLACE FUNCTION refill("limit" "RateLimit", mood "Mood") RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT ("limit").value + 2 $$;
