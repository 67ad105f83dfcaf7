/*
 * A worker: registered for as long as it lives, it follows its configuration until that says "stop".
 * With ZooKeeper's client in C (apt install gcc libzookeeper-mt-dev).
 *
 *     cc -DTHREADED examples/c/worker.c -lzookeeper_mt -o worker && ./worker 127.0.0.1:2181 /demo
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

/* Longer than any pause of your own; others wait so long until they know that you are dead. */
enum { SESSION_MS = 10000, PATH_BYTES = 512 };

enum ending { RUNNING, STOPPED, EXPIRED };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum ending ending = RUNNING;
static char config_path[PATH_BYTES];

static void follow(zhandle_t *client);

static void end(enum ending how) {
    pthread_mutex_lock(&lock);
    ending = how;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Of the session. A lost connection comes back by itself; an expired session is for good. */
static void session_changed(zhandle_t *client, int type, int state, const char *path, void *context) {
    if (type == ZOO_SESSION_EVENT && state == ZOO_EXPIRED_SESSION_STATE)
        end(EXPIRED);
}

/* Watches fire once, and also tell of the session: look again, and watch again, when the znode has changed. */
static void config_changed(zhandle_t *client, int type, int state, const char *path, void *context) {
    if (type != ZOO_SESSION_EVENT)
        follow(client);
}

static void absent(int code, const struct Stat *stat, const void *context) {
    if (code == ZOK || code == ZCONNECTIONLOSS || code == ZOPERATIONTIMEOUT)
        follow((zhandle_t *)context); /* it was made meanwhile, or nobody answered: look again */
}

static void configured(int code, const char *value, int bytes, const struct Stat *stat, const void *context) {
    zhandle_t *client = (zhandle_t *)context;
    if (code == ZNONODE) {
        puts("config: (none)");
        zoo_awexists(client, config_path, config_changed, NULL, absent, client);
    } else if (code == ZCONNECTIONLOSS || code == ZOPERATIONTIMEOUT) {
        follow(client);
    } else if (code == ZOK) {
        printf("config: %.*s\n", bytes < 0 ? 0 : bytes, value);
        if (bytes == 4 && memcmp(value, "stop", 4) == 0)
            end(STOPPED);
    }
    fflush(stdout);
}

/* The client's threads call back: they must not wait for an answer, so they only ask. */
static void follow(zhandle_t *client) { zoo_awget(client, config_path, config_changed, NULL, configured, client); }

static int make(zhandle_t *client, const char *path) {
    int code = zoo_create(client, path, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    return code == ZNODEEXISTS ? ZOK : code;
}

static int join(zhandle_t *client, const char *root) {
    char path[PATH_BYTES], host[256] = "", made[PATH_BYTES];
    gethostname(host, sizeof host - 1);
    int code = make(client, root);
    snprintf(path, sizeof path, "%s/workers", root);
    if (code == ZOK)
        code = make(client, path);
    snprintf(path, sizeof path, "%s/workers/worker-", root);
    if (code == ZOK)
        code = zoo_create(client, path, host, strlen(host), &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL | ZOO_SEQUENCE, made,
                          sizeof made);
    if (code == ZOK)
        printf("registered %s\n", made);
    fflush(stdout);
    return code;
}

int main(int count, char **arguments) {
    const char *hosts = count > 1 ? arguments[1] : "127.0.0.1:2181", *root = count > 2 ? arguments[2] : "/demo";
    snprintf(config_path, sizeof config_path, "%s/config", root);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *client = zookeeper_init(hosts, session_changed, SESSION_MS, NULL, NULL, 0);
    if (client == NULL) {
        perror(hosts);
        return EXIT_FAILURE;
    }
    int code = join(client, root);
    if (code != ZOK) {
        fprintf(stderr, "not registered: %s\n", zerror(code));
        zookeeper_close(client);
        return EXIT_FAILURE;
    }
    follow(client);
    pthread_mutex_lock(&lock);
    while (ending == RUNNING)
        pthread_cond_wait(&changed, &lock);
    enum ending how = ending;
    pthread_mutex_unlock(&lock);
    zookeeper_close(client); /* the registration goes at once */
    if (how == EXPIRED)
        fputs("the session is over: start again, somebody may have taken this place\n", stderr);
    return how == STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
}
