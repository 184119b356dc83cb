CREATE TABLE users (id bigint PRIMARY KEY);
-- change
CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'app', password 'secret');
