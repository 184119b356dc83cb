CREATE TABLE kinds (id int PRIMARY KEY, name varchar(20), size int) DEFAULT CHARSET=utf8mb4;
INSERT INTO kinds VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
-- change
-- lockstep: irreversible
UPDATE kinds SET name = upper(name) WHERE size > 1;
-- lockstep: irreversible
DELETE FROM kinds WHERE size = 3;
