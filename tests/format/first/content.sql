-- What is in the stored directories: every type, a table without a key, views of each stateful operator.
CREATE TABLE customers (id int PRIMARY KEY, name varchar(40) NOT NULL, country text DEFAULT 'SE');
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int, amount numeric(12, 2), weight double precision, paid boolean,
                     on_day date, at timestamp, stamp timestamptz, detail jsonb, raw bytea);
CREATE TABLE notes (text text);
CREATE TABLE wide (id int PRIMARY KEY, n int, pad text);
CREATE MATERIALIZED VIEW by_country AS
SELECT c.country, count(*) AS n, sum(o.amount) AS amount, avg(o.weight) AS weight, min(o.at) AS first, count(DISTINCT o.on_day) AS days
  FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.country;
CREATE MATERIALIZED VIEW without_orders AS SELECT c.id, c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL;
CREATE MATERIALIZED VIEW largest AS SELECT id, amount FROM orders ORDER BY amount DESC NULLS LAST, id LIMIT 2;
CREATE MATERIALIZED VIEW words AS SELECT DISTINCT text FROM notes;
CREATE MATERIALIZED VIEW totals AS SELECT sum(n) AS n, max(amount) AS most FROM by_country;
CREATE MATERIALIZED VIEW broken AS SELECT id, 10 / (id - 2) AS q FROM orders;
CREATE MATERIALIZED VIEW wide_sum AS SELECT count(*) AS rows, sum(n) AS n FROM wide;
INSERT INTO customers VALUES (1, 'Ada', 'SE'), (2, 'Bruno', 'PT'), (3, 'Chloé', 'FR');
INSERT INTO orders VALUES
    (1, 1, 10.50, 0.1, true, '2026-01-01', '2026-01-01 10:00:00.5', '2026-01-01 10:00:00+01', '{"a": [1, null]}', '\x00ff'),
    (2, 1, 4.25, 0.2, false, '2026-01-02', '2026-01-02 11:00:00', '2026-01-02 11:00:00+00', '"x"', NULL),
    (3, 2, NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 2, 99.00, 1e300, true, '2026-01-01', '2026-01-01 09:00:00', 'infinity', '{}', '');
INSERT INTO notes VALUES ('twice'), ('twice'), ('once'), (NULL);
UPDATE orders SET amount = amount + 1 WHERE id = 2;
DELETE FROM notes WHERE text = 'once';
