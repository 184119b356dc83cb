CREATE TABLE users (id varchar(20) NOT NULL PRIMARY KEY) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
-- rows: users 0
-- change
ALTER TABLE users DROP PRIMARY KEY;
CREATE UNIQUE INDEX one ON users (id);
ALTER TABLE users ADD pk int unsigned AUTO_INCREMENT PRIMARY KEY;
