CREATE TABLE "order; DROP TABLE x; --" ("select" INTEGER PRIMARY KEY, "a""b'c" TEXT NOT NULL DEFAULT 'it''s; "x"', "größe ✓" TEXT NOT NULL, [Äb c] INTEGER NOT NULL UNIQUE CHECK ([Äb c] > 0));
CREATE INDEX "index; --" ON "order; DROP TABLE x; --" ("größe ✓", "a""b'c" DESC) WHERE "a""b'c" <> ';';
CREATE TABLE "'quoted'" ("group" TEXT NOT NULL, "1st" TEXT, PRIMARY KEY ("group")) WITHOUT ROWID;
INSERT INTO "order; DROP TABLE x; --" ("select", "größe ✓", [Äb c]) VALUES (1, 'A', 1), (2, 'B', 2);
INSERT INTO "'quoted'" ("group", "1st") VALUES ('x', 'y');
-- change
ALTER TABLE "order; DROP TABLE x; --" RENAME COLUMN "größe ✓" TO "where; --";
DROP INDEX "index; --";
ALTER TABLE "'quoted'" ADD COLUMN "`tick`" TEXT DEFAULT 'a;b';
ALTER TABLE "'quoted'" RENAME TO "it's ""new""; --";
