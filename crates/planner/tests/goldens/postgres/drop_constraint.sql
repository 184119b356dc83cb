CREATE TABLE users (id bigint PRIMARY KEY, mail text UNIQUE, age int CONSTRAINT users_age_positive CHECK (age > 0));
INSERT INTO users (id, mail, age) VALUES (1, 'a', 1);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users);
INSERT INTO orders (id, user_id) VALUES (1, 1);
-- change
ALTER TABLE users DROP CONSTRAINT users_age_positive, DROP CONSTRAINT users_mail_key;
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey;
