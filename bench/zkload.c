/*
 * zkload: load generator for any server that speaks the ZooKeeper client protocol.
 *
 *     gcc -O2 -Wall -Wextra -o zkload zkload.c
 *     ./zkload --hosts 127.0.0.1:2181,127.0.0.1:2182 --conns 10 --window 100 --op set
 *
 * One thread, one epoll loop, no dependency but libc. It prints one JSON object on one line
 * and exits 1 if any reply was wrong, missing or an error. See README.md for every option.
 *
 * Reading order: options, small tools, wire format, connections, requests, checking of
 * replies, event loop, then one section per mode, then main.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)

/* ------------------------------------------------------------------ options */

enum workload { W_SET, W_GET, W_EXISTS, W_CHILDREN, W_CREATE, W_CHURN, W_MULTI, W_MIXED, W_PING, W_SYNC, W_SYNC_GET };
enum mode { M_LOAD, M_WATCH, M_CONNECT, M_READY, M_OUTAGE, M_HOLD };

static const char *const workload_names[] = { "set", "get", "exists", "children", "create",
                                              "churn", "multi", "mixed", "ping", "sync", "sync-get" };
static const char *const mode_names[] = { "load", "watch", "connect", "ready", "outage", "hold" };

static struct {
    enum mode mode;
    enum workload workload;
    int workload_arg;           /* multi: operations per transaction; mixed: per cent reads */
    const char *op_text;
    int conns;
    int window;                 /* requests in flight per connection (closed loop) */
    double rate;                /* requests per second in all; 0 = closed loop */
    unsigned value_size;
    unsigned keys;
    double duration, warmup;    /* seconds */
    int session_timeout_ms;
    int reply_timeout_ms;       /* a reply later than this is an error */
    unsigned watches;           /* hold: nodes that each connection watches */
    bool abandon;               /* hold: leave the sessions, without a connection */
    bool ephemeral;             /* create and churn make ephemeral nodes */
    bool cleanup;               /* delete the nodes afterwards */
    uint64_t seed;
    char root[256];
} opt = {
    .mode = M_LOAD, .workload = W_SET, .op_text = "set", .conns = 1, .window = 1,
    .value_size = 100, .keys = 1000, .duration = 8, .warmup = 2,
    .session_timeout_ms = 30000, .reply_timeout_ms = 10000, .seed = 1, .root = "/zkload",
};

#define MAX_HOSTS 64
static struct host { char name[128]; struct sockaddr_storage addr; socklen_t addr_len; } hosts[MAX_HOSTS];
static int host_count;

/* -------------------------------------------------------------- small tools */

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("zkload: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static void *must_alloc(void *old, size_t size)
{
    void *p = realloc(old, size);
    if (!p)
        die("out of memory");
    return p;
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static uint64_t random_state;

static uint64_t next_random(void)    /* xorshift64 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/*
 * Latency histogram with a relative error below 1 %: each power of two is split into
 * 128 equal buckets. Values are nanoseconds.
 */
#define SUB_BITS 7
#define SUB (1 << SUB_BITS)
struct histogram { uint64_t bucket[(64 - SUB_BITS) * SUB]; uint64_t count; double sum; int64_t max; };

static void hist_add(struct histogram *h, int64_t ns)
{
    uint64_t v = ns < 1 ? 1 : (uint64_t)ns;
    int shift = 63 - __builtin_clzll(v) - SUB_BITS;
    if (shift < 0)
        shift = 0;
    h->bucket[(unsigned)shift * SUB + (v >> shift)]++;
    h->count++;
    h->sum += (double)v;
    if (ns > h->max)
        h->max = ns;
}

static void hist_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < sizeof from->bucket / sizeof from->bucket[0]; i++)
        into->bucket[i] += from->bucket[i];
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
}

/* The latency in microseconds below which the given fraction of all values lie. */
static double hist_quantile(const struct histogram *h, double fraction)
{
    uint64_t rank = (uint64_t)(fraction * (double)h->count + 0.5), seen = 0;
    if (rank < 1)
        rank = 1;
    for (unsigned i = 0; i < sizeof h->bucket / sizeof h->bucket[0]; i++) {
        seen += h->bucket[i];
        if (seen < rank || h->bucket[i] == 0)
            continue;
        int shift = i < 2 * SUB ? 0 : (int)(i / SUB) - 1;
        double middle = ((double)(i - (unsigned)shift * SUB) + (shift ? 0.5 : 0)) * (double)(UINT64_C(1) << shift);
        return (middle < (double)h->max ? middle : (double)h->max) / 1e3;
    }
    return 0;
}

static void print_histogram(const char *name, const struct histogram *h)
{
    printf(", \"%s\": {\"count\": %" PRIu64 ", \"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
           "\"p99_9\": %.1f, \"max\": %.1f}",
           name, h->count, h->count ? h->sum / (double)h->count / 1e3 : 0, hist_quantile(h, 0.5),
           hist_quantile(h, 0.9), hist_quantile(h, 0.99), hist_quantile(h, 0.999), (double)h->max / 1e3);
}

/* -------------------------------------------------------------- wire format */

enum opcode {
    OP_CREATE = 1, OP_DELETE = 2, OP_EXISTS = 3, OP_GET = 4, OP_SET = 5, OP_SYNC = 9, OP_PING = 11,
    OP_CHILDREN2 = 12, OP_MULTI = 14, OP_CLOSE = -11,
};
enum { XID_WATCH_EVENT = -1, XID_PING = -2 };
enum { ERR_NO_NODE = -101, ERR_NODE_EXISTS = -110, ERR_NOT_EMPTY = -111 };
enum { EVENT_DATA_CHANGED = 3, STATE_CONNECTED = 3 };
enum { MAX_FRAME = 64 << 20, PASSWORD_SIZE = 16, PATH_SIZE = 320 };

/* Bytes data[off..len) are still to be sent, or still to be parsed. */
struct buffer { uint8_t *data; size_t off, len, cap; };

/* Makes room for n more bytes, sliding or growing. */
static void reserve(struct buffer *b, size_t n)
{
    if (b->off == b->len)
        b->off = b->len = 0;
    if (b->len + n <= b->cap)
        return;
    if (b->off > 0) {
        memmove(b->data, b->data + b->off, b->len - b->off);
        b->len -= b->off;
        b->off = 0;
    }
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2;
        b->data = must_alloc(b->data, b->cap);
    }
}

static void store_i32(uint8_t *at, int32_t v)
{
    uint32_t be = htonl((uint32_t)v);
    memcpy(at, &be, 4);
}

static void put_i32(struct buffer *b, int32_t v)
{
    reserve(b, 4);
    store_i32(b->data + b->len, v);
    b->len += 4;
}

static void put_i64(struct buffer *b, int64_t v)
{
    put_i32(b, (int32_t)(v >> 32));
    put_i32(b, (int32_t)v);
}

static void put_bool(struct buffer *b, bool v)
{
    reserve(b, 1);
    b->data[b->len++] = v;
}

/* A jute buffer or string: length, then the bytes. */
static void put_bytes(struct buffer *b, const void *bytes, size_t n)
{
    put_i32(b, (int32_t)n);
    reserve(b, n);
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
}

static void put_string(struct buffer *b, const char *s)
{
    put_bytes(b, s, strlen(s));
}

/* Reads one frame; after an overrun `bad` is set and every further value is zero. */
struct reader { const uint8_t *at, *end; bool bad; };

static const uint8_t *take(struct reader *r, size_t n)
{
    static const uint8_t zeros[PASSWORD_SIZE];
    if (r->bad || (size_t)(r->end - r->at) < n) {
        r->bad = true;
        return zeros;
    }
    r->at += n;
    return r->at - n;
}

static int32_t get_i32(struct reader *r)
{
    uint32_t be;
    memcpy(&be, take(r, 4), 4);
    return (int32_t)ntohl(be);
}

static int64_t get_i64(struct reader *r)
{
    uint64_t high = (uint32_t)get_i32(r);
    return (int64_t)(high << 32 | (uint32_t)get_i32(r));
}

/* Points *bytes into the frame and returns the length; -1 (null) counts as empty. */
static size_t get_bytes(struct reader *r, const uint8_t **bytes)
{
    int32_t n = get_i32(r);
    if (n < -1)
        r->bad = true;
    if (r->bad || n <= 0) {
        *bytes = r->at;
        return 0;
    }
    *bytes = take(r, (size_t)n);
    return r->bad ? 0 : (size_t)n;
}

struct stat_brief { int32_t version, data_length, children; };

static struct stat_brief get_stat(struct reader *r)
{
    struct stat_brief s;
    take(r, 16), take(r, 16);           /* czxid, mzxid, ctime, mtime */
    s.version = get_i32(r);
    take(r, 16);                        /* cversion, aversion, ephemeralOwner */
    s.data_length = get_i32(r);
    s.children = get_i32(r);
    take(r, 8);                         /* pzxid */
    return s;
}

/* -------------------------------------------------------------- connections */

struct request {
    int64_t start;              /* when it was sent, or in an open loop: when it was due */
    int64_t arg;                /* what the reply is checked by: see check_body */
    int32_t xid, op;
};

enum conn_state { C_CLOSED, C_CONNECTING, C_HANDSHAKE, C_READY, C_ENDING };

struct conn {
    int id, host, fd;
    enum conn_state state;
    bool wants_write;           /* EPOLLOUT is on */
    struct buffer in, out;

    struct request *queue;      /* ring of requests in flight, oldest at head */
    unsigned head, count, cap;
    int heartbeats;             /* pings in flight; servers may answer them out of order */

    int32_t next_xid;
    int64_t last_zxid;          /* highest zxid this session has seen */
    int64_t session_id;
    uint8_t password[PASSWORD_SIZE];
    int session_timeout_ms;
    int64_t opened, last_sent, last_heard;
    int64_t retry_at;           /* closed, and to be opened again then; 0 = stay closed */

    uint32_t created, deleted;  /* nodes made and removed by create and churn */
    bool watching;              /* watch mode: the watch is set */
    int64_t last_ok, longest_gap;   /* outage mode */
    bool served;                /* ready mode */
};

static struct conn *conns;
static int conn_total, next_to_open, handshaking, ready_count;
static uint64_t in_flight;
static int epoll_fd, timer_fd;
static uint32_t run_id;

static uint64_t errors;
static bool stop;               /* too many errors: give up */
static bool reconnect;          /* broken connections are expected and opened again */
static bool roams;              /* ... to the next host each time, as clients do */
static uint64_t sessions_lost;  /* refused when they were to be taken up again: expired */
static bool sending;            /* replies trigger new requests */
static bool measuring;
static int tolerated_error;     /* this reply error is not counted; 0 = none */

/* What a mode does when a session is up, a reply came, or a watch fired. */
static void (*on_ready)(struct conn *, int64_t now);
static void (*on_reply)(struct conn *, const struct request *, int err, int64_t now);
static void (*on_watch_event)(struct conn *, int64_t now);

static void count_error(const char *format, ...)
{
    enum { SHOWN = 10, GIVE_UP = 1000 };
    if (++errors <= SHOWN) {
        va_list args;
        va_start(args, format);
        fputs("zkload: error: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
    }
    if (errors >= GIVE_UP)
        stop = true;
}

static void set_interest(struct conn *c, bool write)
{
    struct epoll_event ev = { .events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c };
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev) < 0)
        die("epoll_ctl: %s", strerror(errno));
    c->wants_write = write;
}

static void conn_close(struct conn *c)
{
    if (c->state == C_CLOSED)
        return;
    if (c->state == C_READY || c->state == C_ENDING)
        ready_count--;
    else
        handshaking--;
    /* Reset instead of FIN, so that --connect does not run out of ports in TIME_WAIT. */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
    close(c->fd);
    in_flight -= c->count;
    c->count = 0;
    c->heartbeats = 0;
    c->in.off = c->in.len = c->out.off = c->out.len = 0;
    c->state = C_CLOSED;
    c->watching = false;
}

static void conn_fail(struct conn *c, const char *reason)
{
    enum { RETRY_MS = 10 };
    if (c->state == C_CLOSED)
        return;
    if (reconnect)
        c->retry_at = now_ns() + RETRY_MS * MILLISECOND;
    if (reconnect && roams)
        c->host = (c->host + 1) % host_count;
    if (!reconnect)
        count_error("connection %d to %s: %s", c->id, hosts[c->host].name, reason);
    conn_close(c);
}

static void conn_flush(struct conn *c)
{
    if (c->state == C_CLOSED || c->state == C_CONNECTING)
        return;
    while (c->out.off < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out.off, c->out.len - c->out.off, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            conn_fail(c, strerror(errno));
            return;
        }
        if (n < 0)
            break;
        c->out.off += (size_t)n;
    }
    bool blocked = c->out.off < c->out.len;
    if (blocked != c->wants_write)
        set_interest(c, blocked);
}

static void forget_session(struct conn *c)
{
    c->session_id = 0;
    c->last_zxid = 0;
    memset(c->password, 0, sizeof c->password);
}

static void send_handshake(struct conn *c)
{
    struct buffer *b = &c->out;
    put_i32(b, 4 + 8 + 4 + 8 + 4 + PASSWORD_SIZE + 1);
    put_i32(b, 0);                              /* protocol version */
    put_i64(b, c->last_zxid);
    put_i32(b, opt.session_timeout_ms);
    put_i64(b, c->session_id);                  /* not 0: take up the session again */
    put_bytes(b, c->password, PASSWORD_SIZE);
    put_bool(b, false);                         /* read-only */
    c->state = C_HANDSHAKE;
    conn_flush(c);
}

static void conn_open(struct conn *c)
{
    struct host *h = &hosts[c->host];
    c->fd = socket(h->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    c->state = C_CONNECTING;
    c->opened = c->last_sent = c->last_heard = now_ns();
    c->retry_at = 0;
    c->wants_write = true;
    c->next_xid = 1;
    handshaking++;
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        die("epoll_ctl: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&h->addr, h->addr_len) < 0 && errno != EINPROGRESS)
        conn_fail(c, strerror(errno));
}

/* Opens the connections not yet opened, a few at a time: servers have short accept queues. */
static void open_more(void)
{
    enum { AT_ONCE = 32 };
    while (next_to_open < conn_total && handshaking < AT_ONCE)
        conn_open(&conns[next_to_open++]);
}

/* ----------------------------------------------------------------- requests */

static int64_t hash_bytes(const void *bytes, size_t n)      /* FNV-1a */
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (const uint8_t *p = bytes, *end = p + n; p < end; p++)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return (int64_t)h;
}

/* Queues the header of a request and returns where its length goes. */
static size_t begin_request(struct conn *c, enum opcode op, int64_t start, int64_t arg)
{
    if (c->count == c->cap) {
        unsigned cap = c->cap ? c->cap * 2 : 16;
        struct request *bigger = must_alloc(NULL, cap * sizeof *bigger);
        for (unsigned i = 0; i < c->count; i++)
            bigger[i] = c->queue[(c->head + i) & (c->cap - 1)];
        free(c->queue);
        c->queue = bigger;
        c->head = 0;
        c->cap = cap;
    }
    int32_t xid = op == OP_PING ? XID_PING : c->next_xid;
    if (op != OP_PING)
        c->next_xid = xid == INT32_MAX ? 1 : xid + 1;
    c->queue[(c->head + c->count++) & (c->cap - 1)] =
        (struct request){ .start = start, .arg = arg, .xid = xid, .op = op };
    in_flight++;
    c->last_sent = start;

    put_i32(&c->out, 0);
    size_t mark = c->out.len - c->out.off;
    put_i32(&c->out, xid);
    put_i32(&c->out, op);
    return mark;
}

static void end_request(struct conn *c, size_t mark)
{
    uint8_t *body = c->out.data + c->out.off + mark;
    store_i32(body - 4, (int32_t)(c->out.data + c->out.len - body));
}

static void put_value(struct buffer *b, uint32_t tag)
{
    put_i32(b, (int32_t)opt.value_size);
    reserve(b, opt.value_size);
    memset(b->data + b->len, 'v', opt.value_size);
    if (opt.value_size >= 4)
        store_i32(b->data + b->len, (int32_t)tag);
    b->len += opt.value_size;
}

/* True if these bytes are what put_value writes for this tag. */
static bool value_matches(const uint8_t *bytes, size_t n, uint32_t tag)
{
    uint8_t head[4] = { 'v', 'v', 'v', 'v' };
    if (n != opt.value_size)
        return false;
    if (n >= 4)
        store_i32(head, (int32_t)tag);
    if (memcmp(bytes, head, n < 4 ? n : 4) != 0)
        return false;
    return n <= 5 || (bytes[4] == 'v' && memcmp(bytes + 4, bytes + 5, n - 5) == 0);
}

static const char *key_path(uint32_t key)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/keys/k%08" PRIx32, opt.root, key);
    return path;
}

static const char *new_path(const struct conn *c, uint32_t sequence)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/new/%08" PRIx32 "-%04x-%08" PRIx32, opt.root, run_id, c->id, sequence);
    return path;
}

static const char *sub_path(const char *name)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", opt.root, name);
    return path;
}

static void put_acl_anyone(struct buffer *b)
{
    put_i32(b, 1);              /* one entry */
    put_i32(b, 31);             /* all permissions */
    put_string(b, "world");
    put_string(b, "anyone");
}

static void send_create(struct conn *c, const char *path, uint32_t tag, bool ephemeral, int64_t start)
{
    size_t mark = begin_request(c, OP_CREATE, start, hash_bytes(path, strlen(path)));
    put_string(&c->out, path);
    put_value(&c->out, tag);
    put_acl_anyone(&c->out);
    put_i32(&c->out, ephemeral ? 1 : 0);
    end_request(c, mark);
}

static void send_delete(struct conn *c, const char *path, int64_t start)
{
    size_t mark = begin_request(c, OP_DELETE, start, 0);
    put_string(&c->out, path);
    put_i32(&c->out, -1);       /* any version */
    end_request(c, mark);
}

static void put_set(struct buffer *b, const char *path, uint32_t tag)
{
    put_string(b, path);
    put_value(b, tag);
    put_i32(b, -1);             /* any version */
}

static void send_set(struct conn *c, const char *path, uint32_t tag, int64_t start)
{
    size_t mark = begin_request(c, OP_SET, start, tag);
    put_set(&c->out, path, tag);
    end_request(c, mark);
}

/* getData, exists or getChildren2. */
static void send_read(struct conn *c, enum opcode op, const char *path, bool watch, int64_t arg, int64_t start)
{
    size_t mark = begin_request(c, op, start, arg);
    put_string(&c->out, path);
    put_bool(&c->out, watch);
    end_request(c, mark);
}

static void put_multi_header(struct buffer *b, int type, bool done, int err)
{
    put_i32(b, type);
    put_bool(b, done);
    put_i32(b, err);
}

/* One transaction that sets `count` random keys. */
static void send_multi(struct conn *c, int count, int64_t start)
{
    size_t mark = begin_request(c, OP_MULTI, start, count);
    for (int i = 0; i < count; i++) {
        uint32_t key = (uint32_t)(next_random() % opt.keys);
        put_multi_header(&c->out, OP_SET, false, -1);
        put_set(&c->out, key_path(key), key);
    }
    put_multi_header(&c->out, -1, true, -1);
    end_request(c, mark);
}

static void send_sync(struct conn *c, int64_t start)
{
    size_t mark = begin_request(c, OP_SYNC, start, 0);
    put_string(&c->out, opt.root);
    end_request(c, mark);
}

/* ping or closeSession: a header without a body. */
static void send_bare(struct conn *c, enum opcode op, int64_t start)
{
    end_request(c, begin_request(c, op, start, 0));
}

/* A ping that only keeps the session alive. */
static void send_heartbeat(struct conn *c, int64_t now)
{
    put_i32(&c->out, 8);
    put_i32(&c->out, XID_PING);
    put_i32(&c->out, OP_PING);
    c->heartbeats++;
    c->last_sent = now;
    conn_flush(c);
}

/* Sends the next request of the workload. */
static void send_next(struct conn *c, int64_t start)
{
    enum workload w = opt.workload;
    if (w == W_MIXED)
        w = (int)(next_random() % 100) < opt.workload_arg ? W_GET : W_SET;
    uint32_t key = (uint32_t)(next_random() % opt.keys);

    switch (w) {
    case W_SET:      send_set(c, key_path(key), key, start); break;
    case W_GET:      send_read(c, OP_GET, key_path(key), false, key, start); break;
    case W_EXISTS:   send_read(c, OP_EXISTS, key_path(key), false, key, start); break;
    case W_CHILDREN: send_read(c, OP_CHILDREN2, sub_path("keys"), false, 0, start); break;
    case W_MULTI:    send_multi(c, opt.workload_arg, start); break;
    case W_PING:     send_bare(c, OP_PING, start); break;
    case W_SYNC:     send_sync(c, start); break;
    case W_SYNC_GET:
        send_sync(c, start);
        send_read(c, OP_GET, key_path(key), false, key, start);
        break;
    case W_CHURN:
        if (c->deleted < c->created) {
            send_delete(c, new_path(c, c->deleted++), start);
            break;
        }
        /* fall through */
    case W_CREATE:
    default:
        send_create(c, new_path(c, c->created), c->created, opt.ephemeral, start);
        c->created++;
    }
}

/* -------------------------------------------------------- checking of replies */

/*
 * What is wrong with the body of a successful reply, or NULL. The request's arg is, for
 * create, the hash of the path; for getData, the tag of the value; for multi, the number
 * of operations.
 */
static const char *check_body(const struct request *q, struct reader *r)
{
    const uint8_t *bytes;
    size_t n;

    switch (q->op) {
    case OP_CREATE:
        n = get_bytes(r, &bytes);
        if (hash_bytes(bytes, n) != q->arg)
            return "create: not the path that was asked for";
        break;
    case OP_SET:
        if (get_stat(r).data_length != (int32_t)opt.value_size)
            return "setData: wrong data length in the stat";
        break;
    case OP_EXISTS:
        if (get_stat(r).version < 0)
            return "exists: bad stat";
        break;
    case OP_GET:
        n = get_bytes(r, &bytes);
        if (!value_matches(bytes, n, (uint32_t)q->arg))
            return "getData: not the value that was written";
        if (get_stat(r).data_length != (int32_t)n)
            return "getData: wrong data length in the stat";
        break;
    case OP_CHILDREN2: {
        int32_t names = get_i32(r);
        for (int32_t i = 0; i < names && !r->bad; i++)
            get_bytes(r, &bytes);
        if (get_stat(r).children != names || names < (int32_t)opt.keys)
            return "getChildren2: wrong number of children";
        break;
    }
    case OP_MULTI:
        for (int64_t i = 0; i <= q->arg; i++) {
            int32_t type = get_i32(r);
            bool done = *take(r, 1), last = i == q->arg;
            get_i32(r);         /* error code */
            if (type != (last ? -1 : OP_SET) || done != last)
                return "multi: wrong result type";
            if (!last && get_stat(r).data_length != (int32_t)opt.value_size)
                return "multi: wrong data length in the stat";
        }
        break;
    case OP_SYNC:
        n = get_bytes(r, &bytes);
        if (n != strlen(opt.root) || memcmp(bytes, opt.root, n) != 0)
            return "sync: not the path that was asked for";
        break;
    }
    if (r->bad)
        return "reply is too short";
    return r->at == r->end ? NULL : "bytes left over after the reply";
}

static void handle_watch_event(struct conn *c, struct reader *r, int64_t now)
{
    const uint8_t *path;
    int32_t type = get_i32(r), state = get_i32(r);
    size_t n = get_bytes(r, &path);
    const char *expected = sub_path("watched");
    if (r->bad || r->at != r->end || type != EVENT_DATA_CHANGED || state != STATE_CONNECTED
        || n != strlen(expected) || memcmp(path, expected, n) != 0)
        count_error("connection %d: unexpected watch event (type %d, state %d)", c->id, type, state);
    else if (!on_watch_event)
        count_error("connection %d: watch event without a watch", c->id);
    else
        on_watch_event(c, now);
}

static void handle_handshake(struct conn *c, struct reader *r, int64_t now)
{
    const uint8_t *password;
    get_i32(r);                 /* protocol version */
    int32_t timeout = get_i32(r);
    int64_t session = get_i64(r);
    size_t n = get_bytes(r, &password);
    if (r->at < r->end)
        take(r, 1);             /* read-only flag: absent before ZooKeeper 3.4 */
    if (r->bad || r->at != r->end) {
        conn_fail(c, "malformed connect response");
        return;
    }
    if (session == 0 || timeout <= 0 || n != PASSWORD_SIZE) {
        sessions_lost += c->session_id != 0;
        forget_session(c);      /* it has expired: next time ask for a new one */
        conn_fail(c, "session refused");
        return;
    }
    c->session_id = session;
    c->session_timeout_ms = timeout;
    memcpy(c->password, password, PASSWORD_SIZE);
    c->state = C_READY;
    handshaking--;
    ready_count++;
    if (on_ready)
        on_ready(c, now);
    open_more();
}

static void handle_frame(struct conn *c, struct reader *r, int64_t now)
{
    c->last_heard = now;
    if (c->state == C_HANDSHAKE) {
        handle_handshake(c, r, now);
        return;
    }
    int32_t xid = get_i32(r);
    int64_t zxid = get_i64(r);
    int32_t err = get_i32(r);
    if (r->bad) {
        conn_fail(c, "reply shorter than its header");
        return;
    }
    if (xid == XID_WATCH_EVENT) {
        handle_watch_event(c, r, now);
        return;
    }
    if (xid == XID_PING && c->heartbeats > 0) {
        c->heartbeats--;
        return;
    }
    if (c->count == 0 || c->queue[c->head].xid != xid) {
        char text[80];
        snprintf(text, sizeof text, "reply out of order: xid %d, expected %d", xid,
                 c->count ? c->queue[c->head].xid : 0);
        conn_fail(c, text);
        return;
    }
    struct request q = c->queue[c->head];
    c->head = (c->head + 1) & (c->cap - 1);
    c->count--;
    in_flight--;

    if (zxid > 0 && zxid < c->last_zxid)
        count_error("connection %d: zxid went back from 0x%" PRIx64 " to 0x%" PRIx64, c->id, c->last_zxid, zxid);
    if (zxid > c->last_zxid)
        c->last_zxid = zxid;

    const char *wrong = err == 0 ? check_body(&q, r) : NULL;
    if (wrong)
        count_error("connection %d: %s", c->id, wrong);
    else if (err != 0 && err != tolerated_error && !reconnect)
        count_error("connection %d: opcode %d answered with error %d", c->id, q.op, err);
    on_reply(c, &q, err, now);
}

static void handle_input(struct conn *c)
{
    enum { READ_SIZE = 65536 };
    reserve(&c->in, READ_SIZE);
    size_t room = c->in.cap - c->in.len;
    ssize_t n = recv(c->fd, c->in.data + c->in.len, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_fail(c, n == 0 ? "closed by the server" : strerror(errno));
        return;
    }
    c->in.len += (size_t)n;

    int64_t now = now_ns();
    while (c->state != C_CLOSED && c->in.len - c->in.off >= 4) {
        uint8_t *frame = c->in.data + c->in.off;
        struct reader head = { frame, frame + 4, false };
        int32_t size = get_i32(&head);
        if (size < 0 || size > MAX_FRAME) {
            conn_fail(c, "bad frame length");
            return;
        }
        if (c->in.len - c->in.off < 4 + (size_t)size) {
            reserve(&c->in, (size_t)size);
            break;
        }
        c->in.off += 4 + (size_t)size;
        struct reader body = { frame + 4, frame + 4 + size, false };
        handle_frame(c, &body, now);
    }
}

/* --------------------------------------------------------------- event loop */

static int64_t loop_start;
static int64_t next_tick;
static double next_due;         /* open loop: when the next request is due; 0 = off */

/* Heartbeats, late replies, reconnects. */
static void tick(int64_t now)
{
    int64_t patience = opt.reply_timeout_ms * MILLISECOND;
    for (int i = 0; i < conn_total; i++) {
        struct conn *c = &conns[i];
        if (c->state == C_CLOSED) {
            if (c->retry_at && now >= c->retry_at)
                conn_open(c);
            continue;
        }
        int64_t asked = c->count ? c->queue[c->head].start : c->last_sent;
        int64_t silent_since = asked > c->last_heard ? asked : c->last_heard;
        bool waiting = c->count || c->heartbeats || c->state != C_READY;
        if (waiting && now - silent_since > patience)
            conn_fail(c, c->count || c->heartbeats ? "no reply in time" : "no connect response in time");
        else if (c->state == C_READY && now - c->last_sent > c->session_timeout_ms * MILLISECOND / 3)
            send_heartbeat(c, now);
    }
}

static void set_timer(double at)
{
    int64_t ns = (int64_t)at;
    struct itimerspec when = { .it_value = { ns / SECOND, ns % SECOND } };
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Open loop: sends what is due by now, each stamped with the time it was due. */
static void send_due(int64_t now)
{
    enum { MAX_IN_FLIGHT = 4000000 };
    static int turn;
    if (in_flight > MAX_IN_FLIGHT) {
        count_error("--rate is far above what the server answers");
        stop = true;
    }
    while (next_due > 0 && next_due <= (double)now && !stop) {
        int tries = conn_total;
        while (conns[turn].state != C_READY && --tries)
            turn = (turn + 1) % conn_total;
        if (conns[turn].state != C_READY)
            return;
        send_next(&conns[turn], (int64_t)next_due);
        conn_flush(&conns[turn]);
        turn = (turn + 1) % conn_total;
        next_due += 1e9 / opt.rate;
    }
    if (next_due > 0)
        set_timer(next_due);
}

static void handle_event(const struct epoll_event *ev)
{
    struct conn *c = ev->data.ptr;
    if (!c) {
        uint64_t expirations;
        if (read(timer_fd, &expirations, sizeof expirations) > 0)
            send_due(now_ns());
        return;
    }
    if (c->state == C_CLOSED)
        return;
    if (c->state == C_CONNECTING && (ev->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        int err = 0;
        socklen_t size = sizeof err;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size);
        if (err)
            conn_fail(c, strerror(err));
        else
            send_handshake(c);
        return;
    }
    if (ev->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        handle_input(c);
    conn_flush(c);
}

/* Serves events until finished() or the deadline, or until nothing is left to serve. */
static void loop_until(bool (*finished)(void), int64_t deadline)
{
    enum { BATCH = 64 };
    const int64_t tick_ns = (reconnect ? 2 : 100) * MILLISECOND;
    struct epoll_event events[BATCH];

    for (int64_t now = now_ns(); !stop && !(finished && finished()) && now < deadline; now = now_ns()) {
        if (now >= next_tick) {
            tick(now);
            next_tick = now + tick_ns;
        }
        if (!reconnect && ready_count == 0 && handshaking == 0)
            return;
        int64_t wake = next_tick < deadline ? next_tick : deadline;
        int wait_ms = wake > now ? (int)((wake - now + MILLISECOND - 1) / MILLISECOND) : 0;
        int n = epoll_wait(epoll_fd, events, BATCH, wait_ms);
        if (n < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            handle_event(&events[i]);
    }
}

static int64_t after(double seconds)
{
    return now_ns() + (int64_t)(seconds * 1e9);
}

static bool all_ready(void) { return ready_count == conn_total; }
static bool nothing_in_flight(void) { return in_flight == 0; }
static bool nothing_open(void) { return ready_count == 0 && handshaking == 0; }

static void ignore_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    (void)c, (void)q, (void)err, (void)now;
}

static void open_all(void)
{
    on_reply = ignore_reply;
    open_more();
    loop_until(all_ready, after(opt.reply_timeout_ms / 1e3 + conn_total / 50.0));
    if (!all_ready())
        count_error("only %d of %d sessions could be opened", ready_count, conn_total);
}

/* Waits for the replies still on their way. */
static void drain(void)
{
    sending = false;
    next_due = 0;
    set_timer(0);
    loop_until(nothing_in_flight, after(opt.reply_timeout_ms / 1e3));
    if (in_flight)
        count_error("%" PRIu64 " requests were never answered", in_flight);
}

static void close_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    (void)err, (void)now;
    if (q->op == OP_CLOSE)
        conn_close(c);
}

static void close_all(void)
{
    on_ready = NULL;
    on_reply = close_reply;
    reconnect = false;
    for (int i = 0; i < conn_total; i++) {
        conns[i].retry_at = 0;
        if (conns[i].state != C_READY) {
            conn_close(&conns[i]);
            continue;
        }
        conns[i].state = C_ENDING;
        send_bare(&conns[i], OP_CLOSE, now_ns());
        conn_flush(&conns[i]);
    }
    loop_until(nothing_open, after(opt.reply_timeout_ms / 1e3));
    if (!nothing_open() && !stop)
        count_error("%d sessions did not close", ready_count);
}

/* --------------------------------------------- set-up and removal of the nodes */

/* A batch sends requests 0..total-1 on one connection, pipelined. */
static struct {
    struct conn *conn;
    uint32_t total, sent, done, failed;
    void (*send)(struct conn *, uint32_t index, int64_t now);
} batch;

static void batch_fill(int64_t now)
{
    enum { BATCH_WINDOW = 200 };
    while (batch.sent < batch.total && batch.sent - batch.done < BATCH_WINDOW)
        batch.send(batch.conn, batch.sent++, now);
}

static void batch_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    (void)q;
    if (c != batch.conn)
        return;
    batch.done++;
    batch.failed += err != 0;
    batch_fill(now);
}

static bool batch_over(void) { return batch.done == batch.total || batch.conn->state != C_READY; }

static struct conn *first_ready(void)
{
    for (int i = 0; i < conn_total; i++)
        if (conns[i].state == C_READY)
            return &conns[i];
    return NULL;
}

/* Runs a batch; replies with the tolerated error are fine. Returns how many had an error. */
static uint32_t run_batch(uint32_t total, void (*send)(struct conn *, uint32_t, int64_t), int tolerate)
{
    struct conn *c = first_ready();
    if (!c || stop)
        return 0;
    batch.conn = c;
    batch.total = total;
    batch.sent = batch.done = batch.failed = 0;
    batch.send = send;
    on_reply = batch_reply;
    tolerated_error = tolerate;
    batch_fill(now_ns());
    conn_flush(c);
    loop_until(batch_over, INT64_MAX);
    if (batch.done < total)
        count_error("set-up or clean-up stopped after %u of %u requests", batch.done, total);
    tolerated_error = 0;
    on_reply = ignore_reply;
    return batch.failed;
}

static const char *const base_nodes[] = { "keys", "new", "watched" };
enum { BASE_NODES = sizeof base_nodes / sizeof base_nodes[0] };

static void create_base(struct conn *c, uint32_t i, int64_t now)
{
    send_create(c, i == 0 ? opt.root : sub_path(base_nodes[i - 1]), 0, false, now);
}

static void create_key(struct conn *c, uint32_t i, int64_t now) { send_create(c, key_path(i), i, false, now); }
static void set_key(struct conn *c, uint32_t i, int64_t now) { send_set(c, key_path(i), i, now); }
static void delete_key(struct conn *c, uint32_t i, int64_t now) { send_delete(c, key_path(i), now); }

static void delete_base(struct conn *c, uint32_t i, int64_t now)
{
    send_delete(c, i == BASE_NODES ? opt.root : sub_path(base_nodes[i]), now);
}

static const struct conn *cleaned;      /* the connection whose new nodes are deleted */

static void delete_new(struct conn *c, uint32_t i, int64_t now)
{
    send_delete(c, new_path(cleaned, cleaned->deleted + i), now);
}

/* Makes the nodes that the workload needs, and lets every member catch up. */
static void setup_nodes(bool with_keys)
{
    run_batch(1 + BASE_NODES, create_base, ERR_NODE_EXISTS);
    if (with_keys && run_batch(opt.keys, create_key, ERR_NODE_EXISTS) > 0)
        run_batch(opt.keys, set_key, 0);
    for (int i = 0; i < conn_total; i++) {
        if (conns[i].state != C_READY)
            continue;
        send_sync(&conns[i], now_ns());
        conn_flush(&conns[i]);
    }
    loop_until(nothing_in_flight, after(opt.reply_timeout_ms / 1e3));
}

static void remove_nodes(void)
{
    for (int i = 0; i < conn_total && !opt.ephemeral; i++) {
        cleaned = &conns[i];
        run_batch(conns[i].created - conns[i].deleted, delete_new, ERR_NO_NODE);
    }
    run_batch(opt.keys, delete_key, ERR_NO_NODE);
    run_batch(BASE_NODES + 1, delete_base, ERR_NOT_EMPTY);
}

/* ------------------------------------------------------------------ reports */

static int64_t measure_from, measure_to;
static double cpu_from, cpu_used;
static uint64_t completed;      /* replies that came while measuring */

static void begin_measuring(void)
{
    measuring = true;
    measure_from = now_ns();
    measure_to = INT64_MAX;
    cpu_from = cpu_seconds();
}

static void end_measuring(void)
{
    measuring = false;
    measure_to = now_ns();
    cpu_used = cpu_seconds() - cpu_from;
}

static double measured_seconds(void) { return (double)(measure_to - measure_from) / 1e9; }

static double per_second(uint64_t count)
{
    return measure_to > measure_from ? (double)count / measured_seconds() : 0;
}

static void print_head(void)
{
    printf("{\"mode\": \"%s\", \"hosts\": %d, \"conns\": %d", mode_names[opt.mode], host_count, opt.conns);
}

static void print_tail(void)
{
    printf(", \"errors\": %" PRIu64 ", \"seconds\": %.3f, \"cpu_seconds\": %.3f}\n", errors, measured_seconds(), cpu_used);
}

/* ---------------------------------------------------------------- load mode */

static struct histogram reads, writes;

static bool is_write(int op)
{
    return op == OP_CREATE || op == OP_DELETE || op == OP_SET || op == OP_MULTI;
}

static void load_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    if (opt.workload == W_SYNC_GET && q->op == OP_SYNC)
        return;                 /* the read behind it completes the operation */
    if (measuring && err == 0)
        completed++;
    /* Open loop: what was due while measuring counts, however late the reply. */
    bool counts = opt.rate > 0 ? q->start >= measure_from && q->start < measure_to : measuring;
    if (counts && err == 0)
        hist_add(is_write(q->op) ? &writes : &reads, now - q->start);
    if (sending && opt.rate == 0)
        send_next(c, now);
}

static void run_load(void)
{
    open_all();
    setup_nodes(true);
    if (opt.duration > 0 && !stop) {
        on_reply = load_reply;
        sending = true;
        measure_from = measure_to = INT64_MAX;
        if (opt.rate > 0) {
            next_due = (double)now_ns();
            set_timer(next_due + 1);
        } else {
            for (int i = 0; i < conn_total; i++) {
                if (conns[i].state != C_READY)
                    continue;
                for (int k = 0; k < opt.window; k++)
                    send_next(&conns[i], now_ns());
                conn_flush(&conns[i]);
            }
        }
        loop_until(NULL, after(opt.warmup));
        begin_measuring();
        loop_until(NULL, after(opt.duration));
        end_measuring();
        drain();
    }
    if (opt.cleanup)
        remove_nodes();
    close_all();

    struct histogram *all = must_alloc(NULL, sizeof *all);
    *all = reads;
    hist_merge(all, &writes);
    print_head();
    printf(", \"loop\": \"%s\", \"op\": \"%s\", ", opt.rate > 0 ? "open" : "closed", opt.op_text);
    if (opt.rate > 0)
        printf("\"rate\": %.1f, ", opt.rate);
    else
        printf("\"window\": %d, ", opt.window);
    printf("\"value_size\": %u, \"keys\": %u, \"ops\": %" PRIu64 ", \"ops_per_sec\": %.1f",
           opt.value_size, opt.keys, completed, per_second(completed));
    print_histogram("latency_us", all);
    if (opt.workload == W_MIXED) {
        print_histogram("read_latency_us", &reads);
        print_histogram("write_latency_us", &writes);
    }
    print_tail();
    free(all);
}

/* --------------------------------------------------------------- watch mode */

/*
 * Rounds: when every watcher has its watch set, the writer (the last connection) sets the
 * node; each watcher gets the event, and sets the watch again by reading the new value.
 */
static struct {
    struct conn *writer;
    int watchers, armed, notified;
    bool written;               /* the writer has its reply */
    uint32_t round;             /* the value of the node */
    int64_t started;
    uint64_t rounds, notifications;
    struct histogram each, last;
} watch;

static void arm_watch(struct conn *c, int64_t now)
{
    send_read(c, OP_GET, sub_path("watched"), true, watch.round, now);
}

static void next_round(void)
{
    if (watch.armed < watch.watchers || !watch.written || !sending)
        return;
    watch.armed = watch.notified = 0;
    watch.written = false;
    watch.round++;
    watch.started = now_ns();
    send_set(watch.writer, sub_path("watched"), watch.round, watch.started);
    conn_flush(watch.writer);
}

static void watch_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    (void)now;
    if (q->op == OP_SET) {
        watch.written = true;
    } else if (err == 0) {
        c->watching = true;
        watch.armed++;
    }
    next_round();
}

static void watch_event(struct conn *c, int64_t now)
{
    if (!c->watching) {
        count_error("connection %d: second event for one watch", c->id);
        return;
    }
    c->watching = false;
    watch.notified++;
    bool last = watch.notified == watch.watchers;
    if (measuring && watch.started >= measure_from) {
        hist_add(&watch.each, now - watch.started);
        watch.notifications++;
        if (last) {
            hist_add(&watch.last, now - watch.started);
            watch.rounds++;
        }
    }
    arm_watch(c, now);
}

static bool round_over(void) { return watch.written && watch.armed == watch.watchers; }

static void run_watch(void)
{
    open_all();
    setup_nodes(false);
    watch.writer = &conns[conn_total - 1];
    watch.watchers = conn_total - 1;
    if (all_ready()) {
        on_reply = watch_reply;
        on_watch_event = watch_event;
        send_set(watch.writer, sub_path("watched"), 0, now_ns());
        conn_flush(watch.writer);
        loop_until(nothing_in_flight, after(opt.reply_timeout_ms / 1e3));
        for (int i = 0; i < watch.watchers; i++) {      /* followers may lag: sync, then read */
            send_sync(&conns[i], now_ns());
            on_reply = ignore_reply;
            conn_flush(&conns[i]);
        }
        loop_until(nothing_in_flight, after(opt.reply_timeout_ms / 1e3));
        on_reply = watch_reply;
        sending = true;
        for (int i = 0; i < watch.watchers; i++) {
            arm_watch(&conns[i], now_ns());
            conn_flush(&conns[i]);
        }
        loop_until(NULL, after(opt.warmup));
        begin_measuring();
        loop_until(NULL, after(opt.duration));
        end_measuring();
        sending = false;
        loop_until(round_over, after(opt.reply_timeout_ms / 1e3));
        if (!round_over())
            count_error("the last round got %d of %d notifications", watch.notified, watch.watchers);
    }
    close_all();

    print_head();
    printf(", \"value_size\": %u, \"rounds\": %" PRIu64 ", \"rounds_per_sec\": %.1f, \"notifications_per_sec\": %.1f",
           opt.value_size, watch.rounds, per_second(watch.rounds), per_second(watch.notifications));
    print_histogram("notification_us", &watch.each);
    print_histogram("last_notification_us", &watch.last);
    print_tail();
}

/* ------------------------------------------------------------- connect mode */

static struct histogram handshakes;

static void connect_ready(struct conn *c, int64_t now)
{
    if (measuring) {
        completed++;
        hist_add(&handshakes, now - c->opened);
    }
    send_bare(c, OP_CLOSE, now);
}

static void connect_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    (void)q, (void)err, (void)now;
    conn_close(c);
    forget_session(c);
    if (sending)
        conn_open(c);
}

/* Each connection over and over: TCP connect, new session, closeSession. */
static void run_connect(void)
{
    on_ready = connect_ready;
    on_reply = connect_reply;
    sending = true;
    open_more();
    loop_until(NULL, after(opt.warmup));
    begin_measuring();
    loop_until(NULL, after(opt.duration));
    end_measuring();
    sending = false;
    next_to_open = conn_total;
    loop_until(nothing_open, after(opt.reply_timeout_ms / 1e3));
    if (!nothing_open() || completed == 0)
        count_error("sessions that were not opened and closed: %d", ready_count + handshaking);

    print_head();
    printf(", \"sessions\": %" PRIu64 ", \"sessions_per_sec\": %.1f", completed, per_second(completed));
    print_histogram("latency_us", &handshakes);
    print_tail();
}

/* --------------------------------------------------------------- ready mode */

static int served_count;
static char ready_times[MAX_HOSTS * 160];

static void ready_ready(struct conn *c, int64_t now) { send_read(c, OP_EXISTS, "/", false, 0, now); }

static void ready_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    (void)q;
    if (err != 0 || c->served)
        return;
    c->served = true;
    size_t used = strlen(ready_times);
    snprintf(ready_times + used, sizeof ready_times - used, "%s\"%s\": %.3f", served_count ? ", " : "",
             hosts[c->host].name, (double)(now - loop_start) / 1e9);
    served_count++;
}

static bool all_served(void) { return served_count == conn_total; }

/* Asks every host until it serves a request; reports how long that took from the start. */
static void run_ready(void)
{
    enum { PATIENCE_MS = 1000 };
    if (opt.reply_timeout_ms > PATIENCE_MS)
        opt.reply_timeout_ms = PATIENCE_MS;
    reconnect = true;
    on_ready = ready_ready;
    on_reply = ready_reply;
    begin_measuring();
    open_more();
    loop_until(all_served, after(opt.duration));
    end_measuring();
    if (!all_served())
        count_error("%d of %d hosts served no request in time", conn_total - served_count, conn_total);
    close_all();
    print_head();
    printf(", \"served_after_seconds\": {%s}", ready_times);
    print_tail();
}

/* -------------------------------------------------------------- outage mode */

static int64_t any_last_ok, any_longest_gap, any_gap_at;
static uint64_t sessions_taken_up, failed_writes;

static void outage_send(struct conn *c, int64_t now)
{
    uint32_t key = (uint32_t)c->id % opt.keys;
    send_set(c, key_path(key), key, now);
}

static void outage_ready(struct conn *c, int64_t now)
{
    sessions_taken_up++;
    outage_send(c, now);
}

static void outage_note(struct conn *c, int64_t now)
{
    if (now - c->last_ok > c->longest_gap)
        c->longest_gap = now - c->last_ok;
    c->last_ok = now;
    if (now - any_last_ok > any_longest_gap) {
        any_longest_gap = now - any_last_ok;
        any_gap_at = any_last_ok - measure_from;
    }
    any_last_ok = now;
}

/* A gap that is still open at the end counts too: a server that never came back has not won. */
static void outage_note_end(int64_t now)
{
    for (int i = 0; i < conn_total; i++)
        if (now - conns[i].last_ok > conns[i].longest_gap)
            conns[i].longest_gap = now - conns[i].last_ok;
    if (now - any_last_ok > any_longest_gap) {
        any_longest_gap = now - any_last_ok;
        any_gap_at = any_last_ok - measure_from;
    }
}

static void outage_reply(struct conn *c, const struct request *q, int err, int64_t now)
{
    if (err != 0) {
        failed_writes++;
        conn_fail(c, "write refused");
        return;
    }
    completed++;
    hist_add(&writes, now - q->start);
    outage_note(c, now);
    if (sending)
        outage_send(c, now);
}

/* Every connection writes without pause and comes back when it breaks. */
static void run_outage(void)
{
    open_all();
    setup_nodes(true);
    if (all_ready()) {
        reconnect = roams = sending = true;
        on_reply = outage_reply;
        on_ready = outage_ready;
        begin_measuring();
        any_last_ok = measure_from;
        for (int i = 0; i < conn_total; i++) {
            conns[i].last_ok = measure_from;
            outage_send(&conns[i], measure_from);
            conn_flush(&conns[i]);
        }
        loop_until(NULL, after(opt.duration));
        end_measuring();
        sending = false;
        outage_note_end(now_ns());
        for (int i = 0; i < conn_total; i++)
            if (conns[i].state != C_READY)
                count_error("connection %d to %s had not recovered", i, hosts[conns[i].host].name);
        loop_until(nothing_in_flight, after(1));
    }
    close_all();

    print_head();
    printf(", \"writes\": %" PRIu64 ", \"reconnects\": %" PRIu64 ", \"failed_writes\": %" PRIu64
           ", \"sessions_lost\": %" PRIu64 ", \"longest_gap_ms\": %.1f, \"gap_began_at_seconds\": %.3f, \"conn_longest_gap_ms\": [",
           completed, sessions_taken_up, failed_writes, sessions_lost, (double)any_longest_gap / 1e6, (double)any_gap_at / 1e9);
    for (int i = 0; i < conn_total; i++)
        printf("%s%.1f", i ? ", " : "", (double)conns[i].longest_gap / 1e6);
    printf("]");
    print_histogram("latency_us", &writes);
    print_tail();
}

/* ---------------------------------------------------------------- hold mode */

static volatile sig_atomic_t hold_ended;

static void end_hold(int signal_number) { (void)signal_number, hold_ended = 1; }
static bool hold_over(void) { return hold_ended; }

/* The watches of one connection. */
static void send_watches(struct conn *c)
{
    for (uint32_t key = 0; key < opt.watches; key++)
        send_read(c, OP_GET, key_path(key), true, key, now_ns());
    conn_flush(c);
}

/* Keeps sessions, and what they watch, until SIGTERM or --duration: for whoever measures what they cost. */
static void run_hold(void)
{
    enum { SET_UP_SECONDS = 120 };
    struct sigaction end = { .sa_handler = end_hold };
    sigaction(SIGTERM, &end, NULL);
    open_all();
    if (opt.watches > 0) {
        opt.keys = opt.watches;
        setup_nodes(true);
        for (int i = 0; i < conn_total; i++)
            if (conns[i].state == C_READY)
                send_watches(&conns[i]);
        loop_until(nothing_in_flight, after(SET_UP_SECONDS));
        if (in_flight)
            count_error("%" PRIu64 " watches were never set", in_flight);
    }
    begin_measuring();
    if (opt.abandon) {
        for (int i = 0; i < conn_total; i++)
            conn_close(&conns[i]);
    } else {
        puts("held");
        fflush(stdout);
        loop_until(hold_over, after(opt.duration));
        if (ready_count < conn_total)
            count_error("only %d of %d sessions are left", ready_count, conn_total);
        close_all();
    }
    end_measuring();
    print_head();
    printf(", \"watches\": %u", opt.watches);
    print_tail();
}

/* --------------------------------------------------------------------- main */

static const char usage[] =
    "usage: zkload [--hosts H:P,...] [MODE] [options]\n"
    "modes (default: put load on the server with --op)\n"
    "  --watch                 --conns watchers on one node, one writer: notification fan-out\n"
    "  --connect               open and close sessions, --conns at a time\n"
    "  --ready                 wait until each host serves a request, at most --duration\n"
    "  --outage                write without pause through failures, report the longest gap\n"
    "  --hold                  keep --conns idle sessions until SIGTERM or --duration; prints \"held\" when they are\n"
    "options\n"
    "  --hosts H:P,...         servers; connections are spread round-robin (127.0.0.1:2181)\n"
    "  --op OP                 set get exists children create churn ping sync sync-get multi:K mixed:P (set)\n"
    "  --conns N               sessions (1)\n"
    "  --window N              requests in flight per connection (1)\n"
    "  --rate N                open loop: N requests per second in all, timed from when due\n"
    "  --value BYTES           size of values (100)\n"
    "  --keys N                nodes under ROOT/keys (1000)\n"
    "  --duration S            seconds to measure (8); 0 only makes the nodes\n"
    "  --warmup S              seconds of load before that (2)\n"
    "  --watches N             hold: each session watches the first N keys\n"
    "  --abandon               hold: drop the connections at once, and leave the sessions to expire\n"
    "  --ephemeral             create and churn make ephemeral nodes\n"
    "  --cleanup               delete the nodes afterwards (load mode)\n"
    "  --root PATH             where the nodes go (/zkload)\n"
    "  --session-timeout MS    asked for when connecting (30000)\n"
    "  --timeout MS            a reply later than this is an error (10000)\n"
    "  --seed N                of the choice of keys (1)\n";

static void parse_hosts(const char *list)
{
    char *copy = strdup(list), *rest = copy;
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        char *colon = strrchr(item, ':');
        if (!colon || host_count == MAX_HOSTS)
            die("bad --hosts: %s", list);
        struct host *h = &hosts[host_count++];
        snprintf(h->name, sizeof h->name, "%s", item);
        *colon = '\0';
        size_t n = strlen(item);
        if (n > 1 && item[0] == '[' && item[n - 1] == ']') {    /* [::1]:2181 */
            item[n - 1] = '\0';
            item++;
        }
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
        int err = getaddrinfo(item, colon + 1, &hints, &found);
        if (err)
            die("%s: %s", h->name, gai_strerror(err));
        memcpy(&h->addr, found->ai_addr, found->ai_addrlen);
        h->addr_len = found->ai_addrlen;
        freeaddrinfo(found);
    }
    free(copy);
}

static void parse_workload(const char *text)
{
    size_t n = strcspn(text, ":");
    for (unsigned w = 0; w < sizeof workload_names / sizeof workload_names[0]; w++) {
        if (strlen(workload_names[w]) != n || strncmp(workload_names[w], text, n) != 0)
            continue;
        bool takes_arg = w == W_MULTI || w == W_MIXED;
        opt.workload = w;
        opt.workload_arg = takes_arg && text[n] ? atoi(text + n + 1) : w == W_MULTI ? 2 : 70;
        opt.op_text = text;
        if ((text[n] && !takes_arg) || opt.workload_arg < (w == W_MULTI) || (w == W_MIXED && opt.workload_arg > 100))
            break;
        return;
    }
    die("bad --op: %s", text);
}

/* A number option, at least `least`. */
static double number(const char *name, const char *text, double least)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= least && v <= 2e9))
        die("bad --%s: %s", name, text);
    return v;
}

static void parse_options(int argc, char **argv)
{
    enum { O_HOSTS = 256, O_OP, O_CONNS, O_WINDOW, O_RATE, O_VALUE, O_KEYS, O_DURATION, O_WARMUP, O_ROOT,
           O_SESSION, O_TIMEOUT, O_SEED, O_EPHEMERAL, O_CLEANUP, O_WATCH, O_CONNECT, O_READY, O_OUTAGE, O_HOLD,
           O_WATCHES, O_ABANDON, O_HELP };
    static const struct option known[] = {
        { "hosts", 1, 0, O_HOSTS }, { "op", 1, 0, O_OP }, { "conns", 1, 0, O_CONNS },
        { "window", 1, 0, O_WINDOW }, { "rate", 1, 0, O_RATE }, { "value", 1, 0, O_VALUE },
        { "keys", 1, 0, O_KEYS }, { "duration", 1, 0, O_DURATION }, { "warmup", 1, 0, O_WARMUP },
        { "root", 1, 0, O_ROOT }, { "session-timeout", 1, 0, O_SESSION }, { "timeout", 1, 0, O_TIMEOUT },
        { "seed", 1, 0, O_SEED }, { "ephemeral", 0, 0, O_EPHEMERAL }, { "cleanup", 0, 0, O_CLEANUP },
        { "watch", 0, 0, O_WATCH }, { "connect", 0, 0, O_CONNECT }, { "ready", 0, 0, O_READY },
        { "outage", 0, 0, O_OUTAGE }, { "hold", 0, 0, O_HOLD }, { "watches", 1, 0, O_WATCHES },
        { "abandon", 0, 0, O_ABANDON }, { "help", 0, 0, O_HELP }, { 0 },
    };
    int o, index = 0;
    while ((o = getopt_long(argc, argv, "", known, &index)) != -1) {
        const char *name = o == '?' ? "" : known[index].name;
        switch (o) {
        case O_HOSTS:     parse_hosts(optarg); break;
        case O_OP:        parse_workload(optarg); break;
        case O_CONNS:     opt.conns = (int)number(name, optarg, 1); break;
        case O_WINDOW:    opt.window = (int)number(name, optarg, 1); break;
        case O_RATE:      opt.rate = number(name, optarg, 0.001); break;
        case O_VALUE:     opt.value_size = (unsigned)number(name, optarg, 0); break;
        case O_KEYS:      opt.keys = (unsigned)number(name, optarg, 1); break;
        case O_DURATION:  opt.duration = number(name, optarg, 0); break;
        case O_WARMUP:    opt.warmup = number(name, optarg, 0); break;
        case O_SESSION:   opt.session_timeout_ms = (int)number(name, optarg, 1); break;
        case O_TIMEOUT:   opt.reply_timeout_ms = (int)number(name, optarg, 1); break;
        case O_SEED:      opt.seed = (uint64_t)number(name, optarg, 1); break;
        case O_EPHEMERAL: opt.ephemeral = true; break;
        case O_CLEANUP:   opt.cleanup = true; break;
        case O_WATCH:     opt.mode = M_WATCH; break;
        case O_CONNECT:   opt.mode = M_CONNECT; break;
        case O_READY:     opt.mode = M_READY; break;
        case O_OUTAGE:    opt.mode = M_OUTAGE; break;
        case O_HOLD:      opt.mode = M_HOLD; break;
        case O_WATCHES:   opt.watches = (unsigned)number(name, optarg, 0); break;
        case O_ABANDON:   opt.abandon = true; break;
        case O_HELP:      fputs(usage, stdout); exit(0);
        case O_ROOT:
            if (optarg[0] != '/' || strrchr(optarg, '/') != optarg || !optarg[1] || strlen(optarg) >= sizeof opt.root)
                die("bad --root: %s (one level, like /zkload)", optarg);
            strcpy(opt.root, optarg);
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind < argc)
        die("unexpected argument: %s", argv[optind]);
    if (opt.mode != M_LOAD && opt.mode != M_READY && opt.duration == 0)
        die("--duration 0 is for load mode only");
    if (host_count == 0)
        parse_hosts("127.0.0.1:2181");
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);

    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event timer_event = { .events = EPOLLIN };     /* data.ptr NULL means the timer */
    if (epoll_fd < 0 || timer_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &timer_event) < 0)
        die("epoll or timerfd: %s", strerror(errno));

    loop_start = now_ns();
    run_id = (uint32_t)(loop_start ^ (int64_t)getpid() << 20);
    random_state = opt.seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    if (opt.mode == M_READY)
        opt.conns = host_count;
    conn_total = opt.conns + (opt.mode == M_WATCH);
    conns = must_alloc(NULL, (size_t)conn_total * sizeof *conns);
    memset(conns, 0, (size_t)conn_total * sizeof *conns);
    for (int i = 0; i < conn_total; i++) {
        conns[i].id = i;
        conns[i].host = i % host_count;
    }

    switch (opt.mode) {
    case M_LOAD:    run_load(); break;
    case M_WATCH:   run_watch(); break;
    case M_CONNECT: run_connect(); break;
    case M_READY:   run_ready(); break;
    case M_OUTAGE:  run_outage(); break;
    case M_HOLD:    run_hold(); break;
    }
    return errors ? 1 : 0;
}
