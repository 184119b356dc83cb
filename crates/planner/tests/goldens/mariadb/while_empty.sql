-- rows: users 0
CREATE TABLE users (id int NOT NULL PRIMARY KEY, name varchar(20), age int) DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
-- change
ALTER TABLE users ADD COLUMN total int GENERATED ALWAYS AS (age + 1) STORED, ADD FULLTEXT KEY words (name), MODIFY id bigint NOT NULL AUTO_INCREMENT;
ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 0);
