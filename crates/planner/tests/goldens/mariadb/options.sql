CREATE TABLE users (id int PRIMARY KEY, name varchar(20), raw varchar(10) CHARACTER SET latin1) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'a', 'b');
-- change
ALTER TABLE users COMMENT = 'people', AUTO_INCREMENT = 7, ENGINE=InnoDB;
ALTER TABLE users DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
ALTER TABLE users ALTER name SET DEFAULT 'x', ALTER COLUMN raw DROP DEFAULT;
