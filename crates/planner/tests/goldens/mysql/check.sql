CREATE TABLE users (id int PRIMARY KEY, age int, CONSTRAINT grown CHECK (age > 0));
INSERT INTO users VALUES (1, 1);
-- change
ALTER TABLE users DROP CONSTRAINT grown, MODIFY age int CHECK (age > -1);
