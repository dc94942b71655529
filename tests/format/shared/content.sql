-- Views that read others' state, keep two sides, or were stored with names that mean something else by now; schemas, indexes, lineage.
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text);
CREATE TABLE products (sku text PRIMARY KEY, title text, price numeric(10, 2));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int, sku text, quantity int DEFAULT 1 + 1, at timestamptz DEFAULT '2026-01-01 00:00:00+00');
CREATE TABLE rates (currency text, country text, rate numeric, PRIMARY KEY (currency, country));
CREATE TABLE log (line text, n double precision) APPEND ONLY;
CREATE TABLE wide (id int PRIMARY KEY, n int, pad text);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE VIEW priced AS SELECT o.*, p.title, p.price * o.quantity AS amount FROM orders o JOIN products p ON p.sku = o.sku;
CREATE MATERIALIZED VIEW lines AS SELECT o.id, c.name, c.country, o.quantity FROM orders o JOIN customers c ON c.id = o.customer_id;
CREATE MATERIALIZED VIEW spent AS
SELECT c.id, c.name, coalesce(sum(p.amount), 0) AS amount, count(p.id) FILTER (WHERE p.quantity > 1) AS bulk
  FROM customers c LEFT JOIN priced p ON p.customer_id = c.id GROUP BY c.id, c.name;
CREATE INDEX spent_by_name ON spent (name);
CREATE MATERIALIZED VIEW ranked AS
SELECT * FROM (SELECT s.*, row_number() OVER (ORDER BY amount DESC, id) AS place FROM spent s) r WHERE place <= 2;
CREATE MATERIALIZED VIEW pairs AS
SELECT coalesce(c.country, r.country) AS country, c.name, r.currency, r.rate FROM customers c FULL JOIN rates r ON r.country = c.country;
CREATE MATERIALIZED VIEW idle AS SELECT name FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id);
CREATE MATERIALIZED VIEW above AS SELECT id, amount FROM priced WHERE amount > (SELECT avg(amount) FROM priced);
CREATE MATERIALIZED VIEW either AS SELECT country FROM customers UNION SELECT country FROM rates;
CREATE MATERIALIZED VIEW unsold AS SELECT sku FROM products EXCEPT SELECT sku FROM orders;
CREATE MATERIALIZED VIEW lines_read AS SELECT line, count(*) AS times, sum(n) AS n, min(n) AS least FROM log GROUP BY line;
CREATE MATERIALIZED VIEW wide_sum AS SELECT n, count(*) AS rows FROM wide GROUP BY n;
CREATE SINK changes FROM spent WITH (connector = 'blackhole');
INSERT INTO customers VALUES (1, 'Ada', 'SE'), (2, 'Bruno', 'PT'), (3, 'Chloé', 'FR'), (4, 'Dai', NULL);
INSERT INTO products VALUES ('a', 'Anvil', 10.00), ('b', 'Bell', 2.50), ('c', 'Cog', 0.05);
INSERT INTO orders (id, customer_id, sku, quantity) VALUES (1, 1, 'a', 1), (2, 1, 'b', 10), (3, 2, 'b', NULL);
INSERT INTO orders (id, customer_id, sku) VALUES (4, 3, 'a');
INSERT INTO rates VALUES ('SEK', 'SE', 11.2), ('EUR', 'FR', 1), ('CHF', 'CH', 0.95);
INSERT INTO log VALUES ('x', 0.1), ('x', 0.2), ('y', 'NaN'), (NULL, -0.0);
BEGIN;
UPDATE products SET price = 3 WHERE sku = 'b';
DELETE FROM orders WHERE id = 1;
UPDATE orders SET customer_id = 2, quantity = 7 WHERE id = 2;
COMMIT;
