CREATE TABLE users (id int PRIMARY KEY, name varchar(20) NOT NULL, other varchar(40)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'a', 'x');
CREATE TRIGGER shout BEFORE INSERT ON users FOR EACH ROW SET NEW.name = upper(NEW.name);
-- change
ALTER TABLE users RENAME COLUMN other TO note;
