CREATE TABLE IF NOT EXISTS lockstep.changed (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    said text NOT NULL,
    undo text[] NOT NULL
);

-- Objects with rights of their own. `place` tells them apart; `sort` is what the server's defaults are asked for; `head`, `columns` and
-- `object` stand before the verb, behind the right, and before the role; `relation` is whose columns they are.
CREATE OR REPLACE VIEW lockstep.rights AS
WITH place AS (SELECT oid, quote_ident(nspname) AS inside FROM pg_namespace)
SELECT 'relation ' || known.oid AS place, CASE known.relkind WHEN 'S' THEN 's' ELSE 'r' END AS sort, known.relowner AS owner, '' AS head,
    '' AS columns, format(' ON %s %s.%I', CASE known.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, inside, known.relname) AS object,
    known.oid AS relation, known.relacl::text AS rights
FROM pg_class AS known JOIN place ON place.oid = known.relnamespace
UNION ALL SELECT format('column %s.%s', one.attrelid, one.attnum), NULL, known.relowner, '', format(' (%I)', one.attname),
    format(' ON TABLE %s.%I', inside, known.relname), known.oid, one.attacl::text
FROM pg_attribute AS one JOIN pg_class AS known ON known.oid = one.attrelid JOIN place ON place.oid = known.relnamespace
UNION ALL SELECT 'routine ' || oid, 'f', proowner, '', '', format(' ON ROUTINE %s', oid::regprocedure), NULL, proacl::text FROM pg_proc
UNION ALL SELECT 'type ' || known.oid, 'T', typowner, '', '', format(' ON TYPE %s.%I', inside, typname), NULL, typacl::text
FROM pg_type AS known JOIN place ON place.oid = typnamespace
UNION ALL SELECT 'schema ' || oid, 'n', nspowner, '', '', format(' ON SCHEMA %I', nspname), NULL, nspacl::text FROM pg_namespace
UNION ALL SELECT 'database ' || oid, 'd', datdba, '', '', format(' ON DATABASE %I', datname), NULL, datacl::text FROM pg_database
UNION ALL SELECT 'language ' || oid, 'l', lanowner, '', '', format(' ON LANGUAGE %I', lanname), NULL, lanacl::text FROM pg_language
UNION ALL SELECT 'wrapper ' || oid, 'F', fdwowner, '', '', format(' ON FOREIGN DATA WRAPPER %I', fdwname), NULL, fdwacl::text
FROM pg_foreign_data_wrapper
UNION ALL SELECT 'server ' || oid, 'S', srvowner, '', '', format(' ON FOREIGN SERVER %I', srvname), NULL, srvacl::text
FROM pg_foreign_server
-- Of objects to come: those of one schema come on top of those of all, which stand in place of the server's own.
UNION ALL SELECT format('to come %s.%s.%s', defaclrole, defaclnamespace, defaclobjtype),
    CASE WHEN defaclnamespace = 0 THEN CASE defaclobjtype WHEN 'S' THEN 's' ELSE defaclobjtype::text END END, defaclrole,
    format('ALTER DEFAULT PRIVILEGES FOR ROLE %s %s', defaclrole::regrole, 'IN SCHEMA ' || inside || ' '), '', ' ON ' || CASE defaclobjtype
    WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS'
    ELSE 'LARGE OBJECTS' END, NULL, defaclacl::text
FROM pg_default_acl LEFT JOIN place ON place.oid = defaclnamespace;

-- Runs the statement, and notes what undoes what it changed. Rights of columns go with those of their table, and come back with them.
CREATE OR REPLACE FUNCTION lockstep.change_rights(statement text) RETURNS void LANGUAGE plpgsql AS $lockstep$
DECLARE
    before jsonb := (SELECT coalesce(jsonb_agg(to_jsonb(known)), '[]') FROM lockstep.rights AS known WHERE rights IS NOT NULL);
BEGIN
    EXECUTE statement;
    WITH was AS (
        SELECT * FROM jsonb_to_recordset(before) AS one (
            place text, sort text, owner oid, head text, columns text, object text, relation oid, rights text)
    ), now AS (
        SELECT * FROM lockstep.rights WHERE rights IS NOT NULL
    ), touched AS (
        SELECT coalesce(now.place, was.place) AS place, coalesce(now.head, was.head) AS head,
            coalesce(now.columns, was.columns) AS columns, coalesce(now.object, was.object) AS object,
            coalesce(now.relation, was.relation) AS relation, was.rights AS earlier, now.rights AS later,
            acldefault(coalesce(now.sort, was.sort)::"char", coalesce(now.owner, was.owner))::text AS usual
        FROM was FULL JOIN now USING (place) WHERE was.rights IS DISTINCT FROM now.rights
    ), side AS (
        SELECT touched.*, true AS is_later, one.* FROM touched, aclexplode(nullif(coalesce(later, usual), '{}')::aclitem[]) AS one
        UNION ALL SELECT touched.*, false, one.* FROM touched, aclexplode(nullif(coalesce(earlier, usual), '{}')::aclitem[]) AS one
    ), changed AS (
        SELECT place, head, columns, object, relation, grantor, grantee, privilege_type,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role,
            bool_or(is_grantable) FILTER (WHERE NOT is_later) AS earlier, bool_or(is_grantable) FILTER (WHERE is_later) AS later
        FROM side GROUP BY place, head, columns, object, relation, grantor, grantee, privilege_type
    ), undo AS (
        SELECT 1 AS rank, head || 'REVOKE ' || CASE WHEN earlier IS NULL THEN '' ELSE 'GRANT OPTION FOR ' END
            || privilege_type || columns || object || ' FROM ' || role AS line
        FROM changed WHERE earlier IS NULL OR (later AND NOT earlier)
        UNION ALL SELECT 2, head || 'GRANT ' || privilege_type || columns || object || ' TO ' || role
            || CASE WHEN earlier THEN ' WITH GRANT OPTION' ELSE '' END
        FROM changed WHERE later IS NULL OR (earlier AND NOT later)
        UNION ALL SELECT 3, 'GRANT ' || one.privilege_type || was.columns || was.object || ' TO ' || role
            || CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        FROM changed JOIN was USING (relation), aclexplode(nullif(was.rights, '{}')::aclitem[]) AS one
        WHERE changed.columns = '' AND was.columns <> '' AND changed.earlier IS DISTINCT FROM changed.later
            AND one.privilege_type = changed.privilege_type AND one.grantee = changed.grantee AND one.grantor = changed.grantor
    )
    INSERT INTO lockstep.changed (said, undo)
    SELECT statement, coalesce(array_agg(line ORDER BY rank, line), '{}') FROM undo;
END $lockstep$;

-- The statements that bring options back.
CREATE OR REPLACE FUNCTION lockstep.options_back(head text, before text[], after text[]) RETURNS SETOF text LANGUAGE sql AS $lockstep$
    WITH was AS (SELECT * FROM pg_options_to_table(before)), now AS (SELECT * FROM pg_options_to_table(after))
    SELECT format('%s RESET (%s)', head, now.option_name)
    FROM now LEFT JOIN was USING (option_name) WHERE was.option_name IS NULL
    UNION ALL SELECT format('%s SET (%s = %L)', head, was.option_name, was.option_value)
    FROM was LEFT JOIN now USING (option_name) WHERE was.option_value IS DISTINCT FROM now.option_value
$lockstep$;

-- The same for settings of a table or an index.
CREATE OR REPLACE FUNCTION lockstep.change_settings(head text, relation text, statement text) RETURNS void LANGUAGE plpgsql AS $lockstep$
DECLARE
    sought text := 'SELECT array_agg(line) FROM (
        SELECT unnest(reloptions) FROM pg_class WHERE oid = $1::regclass
        UNION ALL SELECT ''toast.'' || unnest(inner_one.reloptions) FROM pg_class AS outer_one
        JOIN pg_class AS inner_one ON inner_one.oid = outer_one.reltoastrelid WHERE outer_one.oid = $1::regclass) AS options (line)';
    before text[];
    after text[];
BEGIN
    EXECUTE sought INTO before USING relation;
    EXECUTE statement;
    EXECUTE sought INTO after USING relation;
    INSERT INTO lockstep.changed (said, undo)
    SELECT statement, coalesce(array_agg(line ORDER BY line), '{}') FROM lockstep.options_back(head, before, after) AS line;
END $lockstep$;

-- The same for settings of a column.
CREATE OR REPLACE FUNCTION lockstep.change_column(relation text, name text, statement text) RETURNS void LANGUAGE plpgsql AS $lockstep$
DECLARE
    -- PostgreSQL 14 and later have another compression for each column.
    sought text := 'SELECT attstorage AS storage, coalesce(attstattarget, -1) AS target, attoptions AS options, '
        || CASE WHEN current_setting('server_version_num')::int < 140000 THEN 'NULL::"char"' ELSE 'attcompression' END
        || ' AS compression FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2';
    head text := format('ALTER TABLE %s ALTER COLUMN %I', relation, name);
    before record;
    after record;
BEGIN
    EXECUTE sought INTO before USING relation, name;
    EXECUTE statement;
    EXECUTE sought INTO after USING relation, name;
    WITH lines (line) AS (
        SELECT format('%s SET STORAGE %s', head,
            CASE before.storage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
        WHERE before.storage <> after.storage
        UNION ALL SELECT format('%s SET STATISTICS %s', head, before.target) WHERE before.target <> after.target
        UNION ALL SELECT format('%s SET COMPRESSION %s', head,
            CASE before.compression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE 'default' END)
        WHERE before.compression <> after.compression
        UNION ALL SELECT * FROM lockstep.options_back(head, before.options, after.options)
    )
    INSERT INTO lockstep.changed (said, undo) SELECT statement, coalesce(array_agg(line ORDER BY line), '{}') FROM lines;
END $lockstep$;

-- Undoes what the newest note of the statement says.
CREATE OR REPLACE FUNCTION lockstep.restore(statement text) RETURNS void LANGUAGE plpgsql AS $lockstep$
DECLARE
    line text;
    lines text[];
BEGIN
    DELETE FROM lockstep.changed
    WHERE number = (SELECT max(number) FROM lockstep.changed WHERE said = statement) RETURNING undo INTO lines;
    FOREACH line IN ARRAY coalesce(lines, '{}') LOOP
        EXECUTE line;
    END LOOP;
END $lockstep$;
