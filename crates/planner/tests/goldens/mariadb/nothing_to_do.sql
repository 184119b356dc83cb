-- only: mariadb
CREATE TABLE users (id int PRIMARY KEY);
-- change
DROP TABLE IF EXISTS absent;
ALTER TABLE users ADD COLUMN IF NOT EXISTS id int;
CREATE TABLE IF NOT EXISTS users (id int);
