CREATE TABLE kinds (id int PRIMARY KEY AUTO_INCREMENT, name varchar(20)) DEFAULT CHARSET=utf8mb4;
INSERT INTO kinds VALUES (1, 'a');
-- change
INSERT INTO `kinds` (`name`, `id`) VALUES ('b', 100000), ('c', 100001);
