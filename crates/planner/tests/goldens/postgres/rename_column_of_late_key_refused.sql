CREATE TABLE users (id bigint PRIMARY KEY DEFERRABLE, name text NOT NULL);
-- change
ALTER TABLE users RENAME COLUMN id TO number;
