CREATE TABLE users (id int PRIMARY KEY);
-- change
GRANT ALL ON *.* TO a;
