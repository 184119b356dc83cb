CREATE TABLE users (id int PRIMARY KEY, name varchar(20));
CREATE TRIGGER shout BEFORE INSERT ON users FOR EACH ROW SET NEW.name = upper(NEW.name);
-- change
ALTER TABLE users MODIFY id bigint NOT NULL;
