CREATE TABLE users (id int PRIMARY KEY, name varchar(20) NOT NULL, about text, code varchar(20) CHARACTER SET ascii) DEFAULT CHARSET=latin1;
INSERT INTO users VALUES (1, 'Jörg', 'abc', 'x');
-- change
ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
