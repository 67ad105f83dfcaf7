/*
 * ZooKeeper's own client in C, against the servers at the address that is the first argument, below the path that is
 * the second.  Prints one line per finding; the same lines of every server.  "> cut" asks for the connection to be cut.
 */

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

enum { DEADLINE_S = 60, EVENTS_MAX = 64, PATH_MAX_BYTES = 256 };

typedef struct {
    int type, state;
    char path[PATH_MAX_BYTES];
} Event;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static Event events[EVENTS_MAX]; /* of znodes */
static int heard, told, connections, expiries;
static const char *root;

static void say(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar('\n');
    fflush(stdout);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context) {
    pthread_mutex_lock(&lock);
    if (type != ZOO_SESSION_EVENT && heard < EVENTS_MAX) {
        events[heard] = (Event){.type = type, .state = state};
        snprintf(events[heard++].path, PATH_MAX_BYTES, "%s", path);
    } else if (context == NULL && state == ZOO_CONNECTED_STATE) {
        connections++;
    } else if (context == NULL && state == ZOO_EXPIRED_SESSION_STATE) {
        expiries++;
    }
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

/* Waits until *count has come to the number. */
static int reached(int *count, int number) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&lock);
    int late = 0;
    while (*count < number && !late)
        late = pthread_cond_timedwait(&news, &lock, &deadline);
    int done = *count >= number;
    pthread_mutex_unlock(&lock);
    return done;
}

static void say_event(void) {
    if (!reached(&heard, told + 1)) {
        say("  NOT: an event");
        return;
    }
    Event event = events[told++];
    say("  event %d state %d %s", event.type, event.state, event.path + strlen(root));
}

static const char *at(const char *path) {
    static char paths[8][PATH_MAX_BYTES];
    static int next;
    char *full = paths[next++ % 8];
    snprintf(full, PATH_MAX_BYTES, "%s%s", root, path);
    return full;
}

static zhandle_t *connected(const char *servers, const clientid_t *id) {
    int before = connections;
    zhandle_t *zh = zookeeper_init(servers, on_event, 20000, id, NULL, 0);
    if (zh == NULL || !reached(&connections, before + 1)) {
        say("NOT: connected");
        exit(1);
    }
    return zh;
}

static void make(zhandle_t *zh, const char *path, const char *data, int mode) {
    char made[PATH_MAX_BYTES] = "";
    struct Stat stat = {0};
    int length = data ? (int)strlen(data) : -1;
    int rc = zoo_create2(zh, at(path), data, length, &ZOO_OPEN_ACL_UNSAFE, mode, made, sizeof made, &stat);
    say("  create %s: %d %s length %d version %d", path, rc, rc ? "" : made + strlen(root), stat.dataLength, stat.version);
}

static void nodes(zhandle_t *zh) {
    say("nodes");
    char data[64];
    int length = sizeof data;
    struct Stat stat;
    make(zh, "/a", "one", ZOO_PERSISTENT);
    make(zh, "/a", "one", ZOO_PERSISTENT);
    make(zh, "/none/a", "one", ZOO_PERSISTENT);
    make(zh, "/null", NULL, ZOO_PERSISTENT);
    make(zh, "/s-", "", ZOO_PERSISTENT_SEQUENTIAL);
    make(zh, "/e", "", ZOO_EPHEMERAL);
    make(zh, "/e/child", "", ZOO_PERSISTENT);
    make(zh, "/es-", "", ZOO_EPHEMERAL_SEQUENTIAL);
    make(zh, "/box", "", ZOO_CONTAINER);
    say("  ttl %d", zoo_create_ttl(zh, at("/ttl"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 60000, NULL, 0));
    say("  bad ttl %d", zoo_create_ttl(zh, at("/t2"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 0, NULL, 0));
    int rc = zoo_get(zh, at("/a"), 0, data, &length, &stat);
    say("  get %d %.*s version %d children %d", rc, length, data, stat.version, stat.numChildren);
    length = sizeof data;
    rc = zoo_get(zh, at("/null"), 0, data, &length, &stat);
    say("  null %d %d", rc, length);
    rc = zoo_set2(zh, at("/a"), "two", 3, 0, &stat);
    say("  set %d version %d", rc, stat.version);
    say("  set %d", zoo_set(zh, at("/a"), "three", 5, 0));
    say("  exists %d %d", zoo_exists(zh, at("/a"), 0, &stat), zoo_exists(zh, at("/none"), 0, &stat));
    say("  delete %d %d %d", zoo_delete(zh, at("/a"), 7), zoo_delete(zh, at("/none"), -1), zoo_delete(zh, at("/a"), 1));
    struct String_vector children;
    rc = zoo_get_children2(zh, at(""), 0, &children, &stat);
    say("  children %d %d %d", rc, children.count, stat.cversion);
    deallocate_String_vector(&children);
}

static void acls(zhandle_t *zh) {
    say("acls");
    struct ACL_vector acl;
    struct Stat stat;
    say("  addauth %d", zoo_add_auth(zh, "digest", "ann:secret", 10, NULL, NULL));
    say("  create %d", zoo_create(zh, at("/mine"), "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    int rc = zoo_get_acl(zh, at("/mine"), &acl, &stat);
    say("  acl %d %s %s %d", rc, acl.data[0].id.scheme, acl.data[0].id.id, acl.data[0].perms);
    deallocate_ACL_vector(&acl);
    rc = zoo_set_acl(zh, at("/mine"), 0, &ZOO_READ_ACL_UNSAFE);
    say("  set acl %d, then set %d", rc, zoo_set(zh, at("/mine"), "y", 1, -1));
    struct ACL bad[] = {{ZOO_PERM_ALL, {"nonsense", "x"}}};
    struct ACL_vector bads = {1, bad};
    say("  bad acl %d", zoo_create(zh, at("/bad"), "x", 1, &bads, 0, NULL, 0));
}

static void multis(zhandle_t *zh) {
    say("multi");
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    char made[PATH_MAX_BYTES];
    struct Stat stat = {0};
    zoo_create_op_init(&ops[0], at("/m"), "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made);
    zoo_set_op_init(&ops[1], at("/m"), "22", 2, 0, &stat);
    zoo_check_op_init(&ops[2], at("/m"), 1);
    zoo_create_op_init(&ops[3], at("/m/s-"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, made, sizeof made);
    int rc = zoo_multi(zh, 4, ops, results);
    say("  %d: %d %d %d %d, %s", rc, results[0].err, results[1].err, results[2].err, results[3].err, made + strlen(root));
    zoo_delete_op_init(&ops[0], at("/m/s-0000000000"), -1);
    zoo_delete_op_init(&ops[1], at("/m"), 7);
    zoo_delete_op_init(&ops[2], at("/m"), -1);
    rc = zoo_multi(zh, 3, ops, results);
    say("  %d: %d %d %d", rc, results[0].err, results[1].err, results[2].err);
    say("  undone: %d", zoo_exists(zh, at("/m/s-0000000000"), 0, &stat));
}

static void watches(zhandle_t *zh) {
    say("watches");
    char data[8];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector children;
    say("  %d", zoo_wexists(zh, at("/w"), on_event, "w", &stat));
    zoo_create(zh, at("/w"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    say_event();
    zoo_wget(zh, at("/w"), on_event, "w", data, &length, &stat);
    zoo_wget_children(zh, at("/w"), on_event, "w", &children);
    deallocate_String_vector(&children);
    zoo_create(zh, at("/w/c"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    say_event();
    zoo_set(zh, at("/w"), "y", 1, -1);
    say_event();
    zoo_wget(zh, at("/w"), on_event, "w", data, &length, &stat);
    say("  removed %d", zoo_remove_watches(zh, at("/w"), ZWATCHTYPE_DATA, on_event, "w", 0));
    say("  none there %d", zoo_remove_watches(zh, at("/w"), ZWATCHTYPE_DATA, on_event, "w", 0));
}

/* The session, its ephemerals and its watches outlive the connection. */
static void cut(zhandle_t *zh) {
    say("cut");
    char data[8];
    int length = sizeof data;
    struct Stat stat;
    zoo_create(zh, at("/mortal"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
    zoo_wget(zh, at("/w"), on_event, "w", data, &length, &stat);
    int64_t session = zoo_client_id(zh)->client_id;
    int before = connections;
    say("> cut");
    say("  back %d, the same session %d", reached(&connections, before + 1), zoo_client_id(zh)->client_id == session);
    int rc = zoo_exists(zh, at("/mortal"), 0, &stat);
    say("  %d owner %d", rc, stat.ephemeralOwner == session);
    say("  set %d", zoo_set(zh, at("/w"), "z", 1, -1));
    say_event();
}

static void on_stat(int rc, const struct Stat *stat, const void *context) {
}

/* Nobody has a session back that was closed. */
static void expired(const char *servers) {
    say("expired");
    zhandle_t *first = connected(servers, NULL);
    clientid_t id = *zoo_client_id(first);
    say("  closed %d", zookeeper_close(first));
    zhandle_t *second = zookeeper_init(servers, on_event, 20000, &id, NULL, 0);
    say("  refused %d", reached(&expiries, 1));
    say("  exists %d", zoo_exists(second, at(""), 0, NULL));
    zookeeper_close(second);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *counter) {
    pthread_mutex_lock(&lock);
    *(int *)counter += rc == ZOK && length == 4;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

static void pipelined(zhandle_t *zh) {
    say("pipelined");
    int right = 0;
    for (int i = 0; i < 500; i++) {
        char value[8];
        snprintf(value, sizeof value, "%04d", i);
        zoo_aset(zh, at("/s-0000000002"), value, 4, -1, on_stat, NULL);
        zoo_aget(zh, at("/s-0000000002"), 0, on_data, &right);
    }
    say("  %d", reached(&right, 500) ? right : -1);
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    root = arguments[2];
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zh = connected(arguments[1], NULL);
    nodes(zh);
    multis(zh);
    watches(zh);
    cut(zh);
    expired(arguments[1]);
    pipelined(zh);
    acls(zh);
    say("  close %d", zookeeper_close(zh));
    say("end");
    return 0;
}
