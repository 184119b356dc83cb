CREATE TABLE kinds (id int PRIMARY KEY AUTO_INCREMENT, name varchar(20));
-- change
INSERT INTO kinds (name) VALUES ('b');
