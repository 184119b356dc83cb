CREATE TABLE users (id bigint PRIMARY KEY);
-- change
IMPORT FOREIGN SCHEMA public FROM SERVER far INTO public;
