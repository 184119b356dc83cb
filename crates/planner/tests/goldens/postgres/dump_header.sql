CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, NULL);
-- change
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET TIME ZONE 'UTC';
SET default_tablespace = '';
SET default_table_access_method = heap;
ALTER TABLE public.users ADD COLUMN seen timestamp with time zone;
