/* A second stack per thread, entered by swapcontext.
 *
 *   | guard page | ... 512 MB, reserved, committed page by page as touched ... | top |
 *
 * The same thread goes on running, so thread-local state (libpg_query's memory contexts among it) is the
 * caller's. After each run what lies deeper than KEEP_BYTES is given back to the system. Sanitizers are told of
 * the switch, else they take the other stack for garbage. */
#include "parser/deep_stack.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define GUARD_BYTES ((size_t)64 << 10)
#define KEEP_BYTES  ((size_t)1 << 20)

struct deep_stack {
    char *base; /* of the mapping, guard included */
    ucontext_t home, away;
    void (*run)(void *context);
    void *context;
    bool active;
    const void *home_bottom; /* the caller's stack, for the sanitizer */
    size_t home_size;
    void *home_fake;
};

static pthread_key_t stack_key;
static pthread_once_t stack_once = PTHREAD_ONCE_INIT;
static __thread struct deep_stack *mine;

static void stack_free(void *arg)
{
    struct deep_stack *stack = arg;
    munmap(stack->base, WR_DEEP_STACK_BYTES);
    free(stack);
    mine = NULL;
}

static void make_key(void)
{
    pthread_key_create(&stack_key, stack_free);
}

static struct deep_stack *stack_new(void)
{
    pthread_once(&stack_once, make_key);
    char *base =
        mmap(NULL, WR_DEEP_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    mprotect(base, GUARD_BYTES, PROT_NONE);
    struct deep_stack *stack = wr_calloc(1, sizeof *stack);
    stack->base = base;
    pthread_setspecific(stack_key, stack);
    return stack;
}

static void switched_in(struct deep_stack *stack)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &stack->home_bottom, &stack->home_size);
#else
    (void)stack;
#endif
}

static void entry(void)
{
    struct deep_stack *stack = mine;
    switched_in(stack);
    stack->run(stack->context);
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(NULL, stack->home_bottom, stack->home_size);
#endif
    /* returning goes to uc_link: home */
}

static void enter(struct deep_stack *stack)
{
    getcontext(&stack->away);
    stack->away.uc_stack.ss_sp = stack->base + GUARD_BYTES;
    stack->away.uc_stack.ss_size = WR_DEEP_STACK_BYTES - GUARD_BYTES;
    stack->away.uc_link = &stack->home;
    makecontext(&stack->away, entry, 0);
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&stack->home_fake, stack->away.uc_stack.ss_sp, stack->away.uc_stack.ss_size);
#endif
    swapcontext(&stack->home, &stack->away);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(stack->home_fake, NULL, NULL);
#endif
}

bool wr_deep_stack_run(void (*run)(void *context), void *context, struct wr_error *err)
{
    if (!mine)
        mine = stack_new();
    struct deep_stack *stack = mine;
    if (!stack)
        return wr_fail(err, ERR_OUT_OF_MEMORY, "out of memory");
    if (stack->active) {
        run(context);
        return true;
    }
    stack->active = true;
    stack->run = run;
    stack->context = context;
    enter(stack);
    stack->active = false;
    madvise(stack->base + GUARD_BYTES, WR_DEEP_STACK_BYTES - GUARD_BYTES - KEEP_BYTES, MADV_DONTNEED);
    return true;
}
