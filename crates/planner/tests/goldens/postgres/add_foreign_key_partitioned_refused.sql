CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE events (id bigint, at date NOT NULL, user_id bigint) PARTITION BY RANGE (at);
-- change
ALTER TABLE events ADD FOREIGN KEY (user_id) REFERENCES users (id);
