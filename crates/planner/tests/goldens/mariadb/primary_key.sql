CREATE TABLE users (id int NOT NULL, age int NOT NULL, PRIMARY KEY (id));
CREATE TABLE notes (id int NOT NULL, text varchar(10));
INSERT INTO users VALUES (1, 1);
INSERT INTO notes VALUES (1, 'a');
-- change
ALTER TABLE users DROP PRIMARY KEY, ADD PRIMARY KEY (id, age);
ALTER TABLE notes ADD PRIMARY KEY (id);
