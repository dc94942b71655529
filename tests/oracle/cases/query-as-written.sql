-- the deparser of pg_query lost the brackets around NOT
CREATE TABLE t1 (a integer, b double precision);
INSERT INTO t1 VALUES (7, -5.0), (NULL, 3.5), (1, -4.0), (2, 2);
CREATE MATERIALIZED VIEW v0 AS SELECT a, (NOT (a IS DISTINCT FROM 2))::integer + a AS c FROM t1;
CREATE MATERIALIZED VIEW v1 AS SELECT (NOT (a IS NULL))::integer AS n, (NOT (a = 2))::text || 'x' AS x FROM t1;
CREATE MATERIALIZED VIEW v2 AS SELECT (NOT (a > b)) IS NULL AS n FROM t1;
-- check
-- term
