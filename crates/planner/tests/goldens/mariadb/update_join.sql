-- only: mariadb
CREATE TABLE kinds (id int PRIMARY KEY, name varchar(20)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE things (id int PRIMARY KEY, kind int, kind_name varchar(20)) DEFAULT CHARSET=utf8mb4;
INSERT INTO kinds VALUES (1, 'a'), (2, 'b');
INSERT INTO things VALUES (1, 1, NULL), (2, 2, 'x');
-- change
-- lockstep: revert UPDATE things SET kind_name = NULL WHERE id = 1
UPDATE things AS t JOIN kinds AS k ON k.id = t.kind SET t.kind_name = k.name WHERE t.kind_name IS NULL;
RENAME TABLE IF EXISTS absent TO other;
