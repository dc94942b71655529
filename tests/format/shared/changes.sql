INSERT INTO orders (id, customer_id, sku) VALUES (5, 4, 'c'), (6, 1, 'b');
UPDATE products SET price = price * 2 WHERE sku IN ('a', 'b');
DELETE FROM customers WHERE id = 3;
UPDATE orders SET customer_id = 1 WHERE id = 3;
INSERT INTO rates VALUES ('EUR', 'PT', 1);
DELETE FROM rates WHERE currency = 'CHF';
INSERT INTO log VALUES ('x', 5), ('z', 1);
UPDATE wide SET n = 0 WHERE id <= 10;
