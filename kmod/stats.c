// SPDX-License-Identifier: GPL-2.0
/*
 * stats.c: counters by reason, per CPU, and what ethtool shows of a port.
 */
#include "port.h"

static const char reason_names[XPORT_N_REASONS][ETH_GSTRING_LEN] = {
#define R(ID, NAME) [XPORT_##ID] = NAME,
	XPORT_REASONS(R)
#undef R
};

int xport_stats_init(struct xport *port)
{
	port->counters = netdev_alloc_pcpu_stats(struct xport_counters);
	if (!port->counters)
		return -ENOMEM;
	return 0;
}

void xport_stats_free(struct xport *port)
{
	free_percpu(port->counters);
	port->counters = NULL;
}

/* Called with BHs off. */
void xport_count(struct xport *port, enum xport_reason reason)
{
	struct xport_counters *c = this_cpu_ptr(port->counters);

	u64_stats_update_begin(&c->syncp);
	u64_stats_inc(&c->n[reason]);
	u64_stats_update_end(&c->syncp);
}

/* What the device itself counts as bad, too.  Called with BHs off. */
void xport_count_bad(struct xport *port, enum xport_reason reason)
{
	xport_count(port, reason);
	DEV_STATS_INC(port->dev, rx_errors);
	DEV_STATS_INC(port->dev, rx_dropped);
}

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? XPORT_N_REASONS : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, reason_names, sizeof(reason_names));
}

static void get_ethtool_stats(struct net_device *dev,
			      struct ethtool_stats *stats, u64 *data)
{
	struct xport *port = netdev_priv(dev);
	u64 seen[XPORT_N_REASONS];
	unsigned int start;
	int cpu, i;

	memset(data, 0, XPORT_N_REASONS * sizeof(*data));
	for_each_possible_cpu(cpu) {
		struct xport_counters *c = per_cpu_ptr(port->counters, cpu);

		do {
			start = u64_stats_fetch_begin(&c->syncp);
			for (i = 0; i < XPORT_N_REASONS; i++)
				seen[i] = u64_stats_read(&c->n[i]);
		} while (u64_stats_fetch_retry(&c->syncp, start));
		for (i = 0; i < XPORT_N_REASONS; i++)
			data[i] += seen[i];
	}
}

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	/* What the core says where a driver says nothing. */
	strscpy(info->driver, xport_link_ops.kind, sizeof(info->driver));
	strscpy(info->version, XPORT_VERSION, sizeof(info->version));
}

const struct ethtool_ops xport_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
};
