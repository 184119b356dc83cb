CREATE TABLE users (id int NOT NULL, name varchar(50), PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob');
-- change
ALTER TABLE users MODIFY id int NOT NULL AUTO_INCREMENT;
