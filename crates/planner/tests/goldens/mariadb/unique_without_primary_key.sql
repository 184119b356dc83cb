CREATE TABLE users (id int NOT NULL, name varchar(20)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users VALUES (1, 'a'), (2, 'b');
-- rows: users 2
-- change
CREATE UNIQUE INDEX one ON users (id);
