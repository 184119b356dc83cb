CREATE TABLE users (id int PRIMARY KEY, name varchar(20), changes int NOT NULL DEFAULT 0) DEFAULT CHARSET=utf8mb4;
INSERT INTO users VALUES (1, 'a', 0);
-- change
CREATE VIEW names AS SELECT id, name FROM users;
CREATE OR REPLACE VIEW names AS SELECT id, name, changes FROM users;
DELIMITER //
CREATE TRIGGER counted BEFORE UPDATE ON users FOR EACH ROW
BEGIN
  IF NEW.name <> OLD.name THEN
    SET NEW.changes = OLD.changes + 1; -- one more
  END IF;
END//
CREATE DEFINER=CURRENT_USER PROCEDURE touch(IN who int)
BEGIN
  UPDATE users SET name = 'x' WHERE id = who;
END//
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2//
DELIMITER ;
CREATE TRIGGER second AFTER INSERT ON users FOR EACH ROW BEGIN SET @last = NEW.id; SET @n = 1; END;
DROP TRIGGER counted;
