CREATE TABLE parts (id int PRIMARY KEY, parent int) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO parts VALUES (1, NULL), (2, 1), (3, 3);
-- change
ALTER TABLE parts ADD CONSTRAINT of_part FOREIGN KEY (parent) REFERENCES parts (id) ON DELETE CASCADE;
