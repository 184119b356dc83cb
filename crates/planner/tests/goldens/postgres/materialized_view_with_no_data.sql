CREATE TABLE builds (id bigint PRIMARY KEY, job text NOT NULL);
INSERT INTO builds (id, job) VALUES (1, 'a'), (2, 'a'), (3, 'b');
-- change
CREATE MATERIALIZED VIEW latest AS
 WITH newest AS (SELECT max(id) AS id FROM builds GROUP BY job)
 SELECT builds.id, builds.job FROM builds JOIN newest ON newest.id = builds.id
  WITH NO DATA;
CREATE UNIQUE INDEX latest_id ON latest (id);
REFRESH MATERIALIZED VIEW latest;
CREATE MATERIALIZED VIEW earliest AS SELECT min(id) AS id FROM builds with data;
