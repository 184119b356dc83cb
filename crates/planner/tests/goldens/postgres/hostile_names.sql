CREATE TABLE "a""b; DROP TABLE x; --" (id bigint PRIMARY KEY, "select" text NOT NULL DEFAULT '$lockstep$', "from" text NOT NULL, "012345678901234567890123456789012345678901234567890123456789012" int);
CREATE INDEX "on ""table"" USING" ON "a""b; DROP TABLE x; --" ("select", "from");
INSERT INTO "a""b; DROP TABLE x; --" (id, "select", "from") VALUES (1, 'a''b', 'x'), (2, '$$', 'y');
-- change
ALTER TABLE "a""b; DROP TABLE x; --" RENAME COLUMN "select" TO "ünï""cödé $lockstep$";
-- lockstep: backfill "c'; $$" = "a""b; DROP TABLE x; --"."from" || '$lockstep$'
ALTER TABLE "a""b; DROP TABLE x; --" ADD COLUMN "c'; $$" text NOT NULL;
ALTER TABLE "a""b; DROP TABLE x; --" ADD CONSTRAINT "x'y""z" CHECK ("from" <> '"'), ADD CONSTRAINT "Unique" UNIQUE ("from");
ALTER TABLE "a""b; DROP TABLE x; --" ALTER COLUMN "012345678901234567890123456789012345678901234567890123456789012" TYPE bigint;
CREATE INDEX "i""; --" ON "a""b; DROP TABLE x; --" (lower("from"), "id");
ALTER TABLE "a""b; DROP TABLE x; --" RENAME TO "New""; Name";
-- plain
ALTER TABLE "a""b; DROP TABLE x; --" RENAME COLUMN "select" TO "ünï""cödé $lockstep$";
ALTER TABLE "a""b; DROP TABLE x; --" ADD COLUMN "c'; $$" text;
UPDATE "a""b; DROP TABLE x; --" SET "c'; $$" = "from" || '$lockstep$';
ALTER TABLE "a""b; DROP TABLE x; --" ALTER COLUMN "c'; $$" SET NOT NULL;
ALTER TABLE "a""b; DROP TABLE x; --" ADD CONSTRAINT "x'y""z" CHECK ("from" <> '"'), ADD CONSTRAINT "Unique" UNIQUE ("from");
ALTER TABLE "a""b; DROP TABLE x; --" ALTER COLUMN "012345678901234567890123456789012345678901234567890123456789012" TYPE bigint;
CREATE INDEX "i""; --" ON "a""b; DROP TABLE x; --" (lower("from"), "id");
ALTER TABLE "a""b; DROP TABLE x; --" RENAME TO "New""; Name";
