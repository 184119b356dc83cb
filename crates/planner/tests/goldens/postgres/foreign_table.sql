CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
-- change
CREATE FOREIGN TABLE lines (number bigint NOT NULL, "It's" text) SERVER files OPTIONS (filename '/dev/null', format 'csv');
CREATE FOREIGN TABLE pages (line text) SERVER files OPTIONS (filename '/dev/null');
DROP FOREIGN TABLE IF EXISTS pages, nothing;
