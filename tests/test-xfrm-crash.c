/* SPDX-License-Identifier: Apache-2.0 */

/* Crash tests of the way of a key from the SA file into the datapath
 * (lib/xfrm-nonce.c, xfrm-apply.c, the engine on the dummy datapath): whenever
 * the daemon or the machine stops, no sequence number is given to a key twice.
 *
 * A child works as the daemon does and ends at its Nth step, for N = 1, 2, ...
 * until it comes to its end.  A step is each operation on the disk, each half
 * of a write, and each moment right before and after an operation on the
 * datapath.  All children share one state file and one set of keys, and keep a
 * journal of what the datapath was given in memory that outlives them. */

#include <config.h>

#undef NDEBUG
#include "xfrm-nonce-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-dummy.h"
#include "xfrm-engine.h"

enum { DIED = 42 };             /* Exit status of a child whose step came. */
#define MAX_STEPS 5000
#define PATIENCE 60000          /* ms. */
#define PACKETS (XFRM_NONCE_STEP / 2)   /* As many as nobody may notice. */

/* An SA that the datapath was given. */
struct grant {
    struct xfrm_fingerprint fp;
    uint64_t start;             /* The last number taken as sent. */
    uint64_t sent;              /* Packets since. */
    bool there;                 /* Not deleted since. */

    /* To install it again when a machine survives its daemon. */
    enum xfrm_dir dir;
    uint32_t spi;
    uint32_t replay_window;
    uint8_t key[20];
};

/* What is on disk for sure: contents by inode, names as of the last sync of
 * the directory. */
struct durable_file {
    ino_t ino;
    size_t size;
    char data[16384];
};
struct durable_name {
    char name[64];
    ino_t ino;                  /* 0: no such file. */
};

#define MAX_GRANTS 20000
#define MAX_FILES 64

/* Shared with the children. */
static struct journal {
    struct grant grants[MAX_GRANTS];
    size_t n;
    struct durable_file files[MAX_FILES];
    size_t n_files;
    struct durable_name names[4];
} *journal;

static const char *const suffixes[] = { "", ".lock", ".damaged", ".tmp" };

/* In the child. */
static const char *path;
static bool power;              /* The power will be cut. */
static atomic_uint n_steps;
static unsigned int die_at;     /* 0: never. */
static unsigned int fail_at;    /* Likewise: the disk is full from then on. */
static atomic_bool failed;      /* ...and somebody noticed. */
static bool heal;               /* ...but only for a while. */
static char pending[16];        /* The step before, which is done now. */
static int pending_fd;

static void
tick(void)
{
    if (atomic_fetch_add(&n_steps, 1) + 1 == die_at) {
        _exit(DIED);
    }
}

/* ## What a power cut leaves. ## */

static void
save_file(int fd)
{
    struct durable_file *file;
    struct stat s;
    size_t i;

    ovs_assert(!fstat(fd, &s));
    for (i = 0; i < journal->n_files; i++) {
        if (journal->files[i].ino == s.st_ino) {
            break;
        }
    }
    ovs_assert(i < MAX_FILES && (size_t) s.st_size <= sizeof file->data);
    file = &journal->files[i];
    file->ino = s.st_ino;
    file->size = s.st_size;
    ovs_assert(pread(fd, file->data, file->size, 0) == (ssize_t) file->size
               || fcntl(fd, F_GETFL) & O_WRONLY);
    journal->n_files = MAX(journal->n_files, i + 1);
}

/* By name, for descriptors that cannot be read from. */
static void
save_by_inode(int fd)
{
    struct stat s, t;

    ovs_assert(!fstat(fd, &s));
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        char *name = xasprintf("%s%s", path, suffixes[i]);
        int rd = open(name, O_RDONLY | O_CLOEXEC);

        if (rd >= 0 && !fstat(rd, &t) && t.st_ino == s.st_ino) {
            save_file(rd);
        }
        if (rd >= 0) {
            close(rd);
        }
        free(name);
    }
}

static void
save_names(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        struct durable_name *dn = &journal->names[i];
        struct stat s;

        snprintf(dn->name, sizeof dn->name, "%s%s", path, suffixes[i]);
        dn->ino = lstat(dn->name, &s) ? 0 : s.st_ino;
    }
}

/* What nobody had synced is lost: the worst that may happen. */
static void
cut_power(void)
{
    /* Inodes are new afterwards. */
    struct durable_file *old = xmemdup(journal->files, sizeof journal->files);
    size_t n_old = journal->n_files;

    journal->n_files = 0;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        char *name = xasprintf("%s%s", path, suffixes[i]);

        unlink(name);
        free(name);
    }
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        struct durable_name *dn = &journal->names[i];
        const struct durable_file *file = NULL;
        struct stat s;
        int fd;

        if (!dn->ino) {
            continue;
        }
        for (size_t j = 0; j < n_old; j++) {
            if (old[j].ino == dn->ino) {
                file = &old[j];
            }
        }
        fd = open(dn->name, O_RDWR | O_CREAT | O_EXCL, 0600);
        ovs_assert(fd >= 0);
        if (file) {
            ovs_assert(write(fd, file->data, file->size)
                       == (ssize_t) file->size);
        }
        save_file(fd);
        ovs_assert(!fstat(fd, &s));
        dn->ino = s.st_ino;
        close(fd);
    }
    free(old);
}

/* ## Hooks. ## */

/* Takes note of what the last step has made durable. */
static void
end_step(void)
{
    if (!power) {
        return;
    }
    if (!strcmp(pending, "sync")) {
        save_by_inode(pending_fd);
    } else if (!strcmp(pending, "sync-dir")) {
        save_names();
    }
    pending[0] = '\0';
}

static int
nonce_step(const struct xfrm_nonce_step *step)
{
    end_step();
    ovs_strlcpy(pending, step->what, sizeof pending);
    pending_fd = step->fd;

    tick();
    if (fail_at && atomic_load(&n_steps) >= fail_at) {
        failed = true;
        return ENOSPC;
    }
    if (!strcmp(step->what, "write")) {
        if (atomic_load(&n_steps) + 1 == die_at) {
            ignore(pwrite(step->fd, step->data, step->size / 2, step->ofs));
        }
        tick();
    }
    return 0;
}

static void
datapath_hook(const struct xfrm_op *op, int error)
{
    end_step();
    tick();
    if (!error && op->type == XFRM_OP_SA_ADD) {
        const struct xfrm_sa_spec *sa = op->sa;
        struct grant *g = &journal->grants[journal->n];

        ovs_assert(journal->n < MAX_GRANTS
                   && sa->key.len == sizeof g->key);
        memset(g, 0, sizeof *g);
        xfrm_sa_spec_fingerprint(sa, &g->fp);
        g->start = op->start_oseq;
        g->there = true;
        g->dir = sa->dir;
        g->spi = sa->spi;
        g->replay_window = sa->replay_window;
        memcpy(g->key, sa->key.data, sizeof g->key);
        journal->n++;
    } else if (!error && op->type == XFRM_OP_SA_DEL) {
        for (size_t i = 0; i < journal->n; i++) {
            if (journal->grants[i].spi == op->sa->spi) {
                journal->grants[i].there = false;
            }
        }
    }
}

/* ## The child: a daemon. ## */

static struct xfrm_backend *handle;

/* SAs of an earlier child that nobody has deleted. */
static void
restore_sas(void)
{
    void (*hook)(const struct xfrm_op *, int) = xfrm_dummy_hook;

    xfrm_dummy_hook = NULL;
    for (size_t i = 0; i < journal->n; i++) {
        const struct grant *g = &journal->grants[i];
        struct xfrm_sa_spec sa;
        struct xfrm_op op = { .type = XFRM_OP_SA_ADD, .sa = &sa };
        char *message;

        if (!g->there) {
            continue;
        }
        memset(&sa, 0, sizeof sa);
        sa.if_id = 42;
        sa.spi = g->spi;
        sa.proto = IPPROTO_ESP;
        sa.dir = g->dir;
        ovs_assert(xfrm_addr_from_string(g->dir == XFRM_DIR_OUT
                                         ? "192.0.2.1" : "192.0.2.2",
                                         &sa.src));
        ovs_assert(xfrm_addr_from_string(g->dir == XFRM_DIR_OUT
                                         ? "192.0.2.2" : "192.0.2.1",
                                         &sa.dst));
        sa.mode = XFRM_SPEC_TUNNEL;
        sa.reqid = 42;
        sa.algo = xfrm_algo_from_name("aes128gcm16");
        xfrm_secret_init(&sa.key, g->key, sizeof g->key);
        sa.replay_window = g->replay_window;
        sa.esn = true;
        op.start_oseq = g->dir == XFRM_DIR_OUT ? g->start + g->sent : 0;
        if (handle->class->apply(handle, &op, &message)) {
            ovs_fatal(0, "%s", message);
        }
        xfrm_secret_destroy(&sa.key);
    }
    xfrm_dummy_hook = hook;
}

/* Writes an SA file with SAs FROM to TO, of which the first is inbound. */
static void
write_sas(const char *name, int from, int to, int window)
{
    FILE *stream = fopen("sas.tmp", "w");

    ovs_assert(stream && !fchmod(fileno(stream), 0600));
    fputs("{\"sas\": [", stream);
    for (int i = from; i <= to; i++) {
        fprintf(stream, "%s{\"direction\": \"%s\", \"spi\": \"%d\", "
                "\"esn\": true, \"replay_window\": %d, "
                "\"algorithm\": \"aes128gcm16\", \"key\": \"0x%040x\"}",
                i > from ? ", " : "", i == from ? "in" : "out", 4096 + i,
                window, 0x1000 + i);
    }
    fputs("]}", stream);
    ovs_assert(!fclose(stream) && !rename("sas.tmp", name));
}

static void
sync_engine(void)
{
    uint64_t ticket = xfrm_engine_reconcile(NULL);
    long long int deadline = time_msec() + PATIENCE;

    while (!xfrm_engine_reached(ticket)) {
        ovs_assert(time_msec() < deadline);
        usleep(1000);
    }
}

/* Each SA sends as much as the engine need not have seen. */
static void
send_packets(void)
{
    for (size_t i = 0; i < journal->n; i++) {
        struct grant *g = &journal->grants[i];

        if (g->there) {
            g->sent += PACKETS;
        }
    }
    ovs_assert(!xfrm_dummy_traffic("x0", PACKETS));
}

static void
be_daemon(bool survived)
{
    struct xfrm_port_config config;
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct xfrm_link_state link;
    char *message, *warning;
    char *cwd = getcwd(NULL, 0);

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    xfrm_nonce_step = nonce_step;
    xfrm_dummy_hook = datapath_hook;
    ovs_assert(!xfrm_backend_dummy.open(false, &handle, &message));

    memset(&config, 0, sizeof config);
    smap_add(&smap, "if_id", "42");
    smap_add(&smap, "local_ip", "192.0.2.1");
    smap_add(&smap, "remote_ip", "192.0.2.2");
    smap_add_nocopy(&smap, xstrdup("sa_file"), xasprintf("%s/sas", cwd));
    ovs_assert(!xfrm_options_parse(&smap, &config.options, &message,
                                   &warning));
    ovs_strlcpy(config.link.name, "x0", sizeof config.link.name);
    config.link.if_id = 42;
    config.owned = true;
    ovs_assert(!handle->class->link_create(handle, &config.link, &link,
                                           &message));
    config.ifindex = link.ifindex;
    if (survived) {
        restore_sas();
        config.adopted = true;
        config.prior_if_id = 42;
    }

    write_sas("sas", 0, 2, 64);
    ovs_assert(!xfrm_engine_start(&xfrm_backend_dummy, path, &message));
    xfrm_engine_set_port(&config);
    sync_engine();
    for (int i = 0; i < 3; i++) {
        send_packets();
        sync_engine();
        sync_engine();          /* An SA that nobody can record is gone. */
    }
    if (heal) {
        /* The disk is full while an SA sends more than was reserved for it,
         * and then it is not. */
        fail_at = 1;
        for (int i = 0; i < 3; i++) {
            send_packets();
        }
        sync_engine();
        sync_engine();
        fail_at = 0;
        failed = false;
        sync_engine();
        sync_engine();
    }
    xfrm_dummy_flush();                 /* Drift. */
    for (size_t i = 0; i < journal->n; i++) {
        journal->grants[i].there = false;
    }
    sync_engine();
    write_sas("sas", 0, 2, 128);        /* Another attribute. */
    sync_engine();
    write_sas("sas", 0, 10, 128);       /* Many at once. */
    sync_engine();
    send_packets();
    sync_engine();
    write_sas("sas", 0, 10, 64);
    sync_engine();
    xfrm_engine_stop();
    end_step();
    xfrm_dummy_hook = NULL;
    handle->class->close(handle);
    _exit(failed ? DIED : 0);
}

/* The end of what 'g' has used or may use before anybody looks. */
static uint64_t
used_up_to(const struct grant *g)
{
    return g->start + MAX(g->sent, PACKETS);
}

/* No two grants of one key may overlap. */
static size_t
check_journal(void)
{
    size_t n_out = 0;

    for (size_t i = 0; i < journal->n; i++) {
        const struct grant *a = &journal->grants[i];

        if (a->dir != XFRM_DIR_OUT) {
            continue;
        }
        n_out++;
        for (size_t j = 0; j < i; j++) {
            const struct grant *b = &journal->grants[j];

            if (b->dir == XFRM_DIR_OUT && !memcmp(&a->fp, &b->fp, sizeof a->fp)
                && a->start < used_up_to(b)) {
                ovs_fatal(0, "SPI %"PRIu32": begins after %#"PRIx64", but was "
                          "used up to %#"PRIx64, a->spi, a->start, used_up_to(b));
            }
        }
    }
    return n_out;
}

/* crash FILE kill|power|full|heal: with "kill" the datapath and what was written
 * survive the daemon, with "power" only what was synced does.  With "full" no
 * child ends early, but from its Nth step on nothing can be written.  With
 * "heal" that is so for a while in a single child. */
static void
test_crash(struct ovs_cmdl_context *ctx)
{
    bool full = !strcmp(ctx->argv[2], "full");
    unsigned int at;
    size_t n_grants;
    char *damaged;

    path = ctx->argv[1];
    power = !strcmp(ctx->argv[2], "power");
    journal = mmap(NULL, sizeof *journal, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ovs_assert(journal != MAP_FAILED);
    for (at = 1; ; at++) {
        int status;
        pid_t pid;

        ovs_assert(at < MAX_STEPS);
        pid = fork();
        ovs_assert(pid >= 0);
        if (!pid) {
            heal = !strcmp(ctx->argv[2], "heal");
            die_at = full || heal ? 0 : at;
            fail_at = full ? at : 0;
            be_daemon(!power && !full && at > 1);
        }
        ovs_assert(waitpid(pid, &status, 0) == pid);
        ovs_assert(WIFEXITED(status));
        n_grants = check_journal();
        if (!WEXITSTATUS(status)) {
            break;
        }
        ovs_assert(WEXITSTATUS(status) == DIED);
        ovs_assert(!full || at > 1 || !n_grants);
        if (power) {
            cut_power();
        }
        if (power || full) {
            for (size_t i = 0; i < journal->n; i++) {
                journal->grants[i].there = false;
            }
        }
    }

    /* Or else nothing was tried. */
    ovs_assert((at > 60 && n_grants > 60)
               || !strcmp(ctx->argv[2], "heal"));
    damaged = xasprintf("%s.damaged", path);
    ovs_assert(access(damaged, F_OK));
    free(damaged);
}

const struct ovs_cmdl_command test_xfrm_crash_commands[] = {
    { "crash", "FILE kill|power|full|heal", 2, 2, test_crash, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};
