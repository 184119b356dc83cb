CREATE TABLE users (id bigint PRIMARY KEY);
-- change
CREATE SERVER far FOREIGN DATA WRAPPER file_fdw;
