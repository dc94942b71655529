-- The three streams of Nexmark, generated in process. ${EVENTS} events in all, ${RATE} per second of event time.
CREATE SOURCE person (
    id bigint, name varchar, email_address varchar, credit_card varchar, city varchar, state varchar,
    date_time timestamp, extra varchar
) APPEND ONLY WITH (
    connector = 'nexmark', nexmark.table.type = 'Person', nexmark.event.num = '${EVENTS}', nexmark.first.rate = '${RATE}', nexmark.next.rate = '${RATE}');
CREATE SOURCE auction (
    id bigint, item_name varchar, description varchar, initial_bid bigint, reserve bigint, date_time timestamp,
    expires timestamp, seller bigint, category bigint, extra varchar
) APPEND ONLY WITH (
    connector = 'nexmark', nexmark.table.type = 'Auction', nexmark.event.num = '${EVENTS}', nexmark.first.rate = '${RATE}', nexmark.next.rate = '${RATE}');
CREATE SOURCE bid (
    auction bigint, bidder bigint, price bigint, channel varchar, url varchar, date_time timestamp, extra varchar
) APPEND ONLY WITH (
    connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.event.num = '${EVENTS}', nexmark.first.rate = '${RATE}', nexmark.next.rate = '${RATE}');
