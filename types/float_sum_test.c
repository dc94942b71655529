/* Exactness of float sums: any order, any retraction, bytes that come back. */
#include "types/float_sum.h"

#include <math.h>
#include <stdlib.h>

#include "tests/check.h"

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double random_double(int spread)
{
    double value = ldexp((double)(rnd() >> 11), (int)(rnd() % (uint64_t)(2 * spread)) - spread - 53);
    return rnd() & 1 ? value : -value;
}

static double total(const struct float_sum *sum)
{
    double value = 0;
    struct wr_error err;
    CHECK(wr_float_sum_total(sum, &value, &err));
    return value;
}

static void check_known(void)
{
    struct float_sum sum;
    struct wr_error err;
    double value;
    wr_float_sum_init(&sum);
    CHECK(total(&sum) == 0);
    wr_float_sum_add(&sum, 1e308, 1);
    wr_float_sum_add(&sum, 1e308, 1);
    CHECK(!wr_float_sum_total(&sum, &value, &err));
    CHECK_STR(err.sqlstate, "22003");
    wr_float_sum_add(&sum, 1e308, -1);
    wr_float_sum_add(&sum, 5e-324, 1);
    CHECK(total(&sum) == 1e308);
    wr_float_sum_add(&sum, 1e308, -1);
    CHECK(total(&sum) == 5e-324);
    wr_float_sum_add(&sum, 5e-324, -3);
    CHECK(total(&sum) == -1e-323);
    wr_float_sum_add(&sum, INFINITY, 1);
    CHECK(total(&sum) == INFINITY);
    wr_float_sum_add(&sum, -INFINITY, 1);
    CHECK(isnan(total(&sum)));
    wr_float_sum_add(&sum, INFINITY, -1);
    CHECK(total(&sum) == -INFINITY);
    wr_float_sum_fini(&sum);
    wr_float_sum_add(&sum, 1, 1);
    wr_float_sum_add(&sum, ldexp(1, -53), 1); /* a tie: to even */
    CHECK(total(&sum) == 1);
    wr_float_sum_add(&sum, ldexp(1, -200), 1);
    CHECK(total(&sum) == 1 + ldexp(1, -52));
    wr_float_sum_add(&sum, 0.1, 1LL << 60);
    wr_float_sum_add(&sum, 0.1, -(1LL << 60));
    CHECK(total(&sum) == 1 + ldexp(1, -52));
    wr_float_sum_fini(&sum);
}

/* Adding in one order, removing in another, leaves nothing; halves merge to the whole. */
static void check_random(int spread)
{
    enum { N = 64 };
    double values[N];
    struct float_sum whole, half, copy;
    struct wr_buf bytes = WR_BUF_INIT, again = WR_BUF_INIT;
    wr_float_sum_init(&whole);
    wr_float_sum_init(&half);
    for (int i = 0; i < N; i++) {
        values[i] = random_double(spread);
        wr_float_sum_add(&whole, values[i], i % 5 - 7);
    }
    for (int i = N; i-- > 0;)
        if (i % 2)
            wr_float_sum_add(&half, values[i], i % 5 - 7);
    wr_float_sum_encode(&half, &bytes);
    CHECK(wr_float_sum_decode(bytes.data, bytes.len, &copy));
    for (int i = 0; i < N; i += 2)
        wr_float_sum_add(&copy, values[i], 1);
    for (int i = 0; i < N; i += 2)
        wr_float_sum_add(&copy, values[i], i % 5 - 8);
    bytes.len = 0;
    wr_float_sum_encode(&whole, &bytes);
    wr_float_sum_encode(&copy, &again);
    CHECK(bytes.len == again.len && !memcmp(bytes.data, again.data, bytes.len));
    wr_float_sum_merge(&half, &copy);
    for (int i = 0; i < N; i++)
        wr_float_sum_add(&half, values[i], i % 2 ? -2 * (i % 5 - 7) : -(i % 5 - 7));
    CHECK(total(&half) == 0);
    CHECK_INT(wr_float_sum_count(&half), 0);
    wr_float_sum_fini(&whole);
    wr_float_sum_fini(&half);
    wr_float_sum_fini(&copy);
    wr_buf_free(&bytes);
    wr_buf_free(&again);
}

/* Against the 64-bit mantissa of long double, where that is exact. */
static void check_rounding(void)
{
    for (int round = 0; round < 2000; round++) {
        struct float_sum sum;
        long double exact = 0;
        wr_float_sum_init(&sum);
        for (int i = 0; i < 16; i++) {
            double value = ldexp((double)(int64_t)(rnd() >> 20), (int)(rnd() % 16) - 8);
            value = rnd() & 1 ? value : -value;
            exact += (long double)value;
            wr_float_sum_add(&sum, value, 1);
        }
        CHECK(total(&sum) == (double)exact);
        wr_float_sum_fini(&sum);
    }
}

int main(void)
{
    static const int spreads[] = {1, 10, 40, 100, 300, 1000};
    check_known();
    check_rounding();
    for (int round = 0; round < 300; round++)
        check_random(spreads[round % 6]);
    return check_report("float_sum_test");
}
