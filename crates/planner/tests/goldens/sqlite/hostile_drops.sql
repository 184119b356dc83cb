CREATE TABLE "order; DROP TABLE x; --" ("select" INTEGER PRIMARY KEY, "a""b'c" TEXT NOT NULL, "äöü" INTEGER NOT NULL);
CREATE TABLE "drop" ("1 2" INTEGER PRIMARY KEY);
INSERT INTO "order; DROP TABLE x; --" ("select", "a""b'c", "äöü") VALUES (1, 'A', 1), (2, 'B', 2);
-- change
ALTER TABLE "order; DROP TABLE x; --" DROP COLUMN "a""b'c";
DROP TABLE "drop";
