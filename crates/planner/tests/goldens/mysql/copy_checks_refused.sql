CREATE TABLE users (id int NOT NULL PRIMARY KEY, age int, CONSTRAINT grown CHECK (age > 0));
-- change
ALTER TABLE users MODIFY id bigint NOT NULL;
