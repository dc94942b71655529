/* One thread waits for the signals that end a command; nothing happens in signal handlers. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/thread.h"
#include "cli/cli.h"

atomic_bool wr_cli_stop_asked;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static weir_session *watched; /* cancelled when asked to stop */

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void wr_cli_signals_block(void)
{
    sigset_t set;
    ending_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void *watch(void *arg)
{
    (void)arg;
    sigset_t set;
    int which;
    ending_signals(&set);
    for (;;) {
        sigwait(&set, &which);
        if (atomic_exchange(&wr_cli_stop_asked, true))
            _exit(128 + which); /* asked twice: what is durable is durable */
        pthread_mutex_lock(&lock);
        if (watched)
            weir_session_cancel(watched);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

void wr_cli_signals_watch(weir_session *session)
{
    watched = session;
    if (!wr_thread_start(NULL, watch, NULL, true))
        fprintf(stderr, "weir: could not start a thread for signals\n");
}

void wr_cli_signals_forget_session(void)
{
    pthread_mutex_lock(&lock);
    watched = NULL;
    pthread_mutex_unlock(&lock);
}
