# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/benchreport.py: figures of the bench as a table and as a chart (SVG).
# Measures nothing and runs nothing; what is not in the figures is not in the
# table either, or stands there with its reason.
#
# "python3 benchreport.py bench.json [table|chart]" shows an old result again.
#
# Above: tests/vm/bench.

import json
import statistics
import sys
from xml.sax.saxutils import escape

# (system, module), what stands above its column, and the colour of its bar.
COLUMNS = (
    (("port", "kmod"), "ours,kmod", "#1b6ca8"),
    (("port", "tree"), "ours,in-tree", "#7fb3d5"),
    (("routed", "tree"), "xfrm if.,routed", "#c97b2b"),
    (("geneve", "tree"), "Geneve,+IPsec", "#6a9a3a"),
    (("gre", "tree"), "GRE,+IPsec", "#a8c686"),
    (("wireguard", "tree"), "WireGuard,routed", "#8e5ea2"),
    (("floor", "tree"), "no IPsec,(floor)", "#999999"),
)
OURS = COLUMNS[0][0]
CIPHERS = {"gcm": "AES-128-GCM", "null": "null", "none": "none",
           "chacha": "ChaCha20"}


def case_fields(case):
    system, way, cipher, size, flows, ports, outer = case.split(":")
    return {"system": system, "way": way, "cipher": cipher, "size": int(size),
            "flows": int(flows), "ports": int(ports), "outer": int(outer)}


def middle(runs):
    return statistics.median(run[1] for run in runs)


def spread(runs):
    """Dearest less cheapest run, in percent of the median."""
    return (100 * (max(run[2] for run in runs) - min(run[0] for run in runs))
            / middle(runs))


def nothing(result):
    """Nothing at all was measured."""
    return not (any(f["cost"] is not None for f in result["data"])
                or any(r["value"] is not None for r in result["rows"]))


def plain(figure):
    return figure["flows"] == figure["ports"] == 1


def cells(result, way):
    """{(cipher, size, outer): {column: figure}} of what one packet in one
    flow costs.  The floor has no cipher and no outer header, and WireGuard its
    own cipher: both stand beside what they compare with."""
    rows = {}
    for f in result["data"]:
        if plain(f) and f["way"] == way:
            if f["cipher"] in ("gcm", "null"):
                rows.setdefault((f["cipher"], f["size"], f["outer"]), {})
    for f in result["data"]:
        if not plain(f) or f["way"] != way:
            continue
        for (cipher, size, outer), row in rows.items():
            if f["size"] == size and (
                    (f["cipher"] == cipher and f["outer"] == outer)
                    or f["cipher"] == "none"
                    or (f["cipher"] == "chacha" and f["outer"] == outer
                        and cipher == "gcm")):
                row[f["system"], f["module"]] = f
    return dict(sorted(rows.items(),
                       key=lambda item: (item[0][2], item[0][0],
                                         item[0][1])))


def unit(result):
    return {"instructions": "instructions", "ns": "ns"}[
        result["about"]["clock"]]


def ratio(figure, ours):
    if figure is None or figure["cost"] is None:
        return "-"
    if ours is None or not ours["cost"]:
        return "%.0f" % figure["cost"]
    return "%.0f %.2f" % (figure["cost"], figure["cost"] / ours["cost"])


def rate(way, figure):
    """Per second, where nanoseconds were measured."""
    if figure is None or figure["cost"] is None:
        return "-"
    if way == "tcp":
        return "%.1f" % (1024 * 8 * 1e3 / figure["cost"])
    return "%.0f" % (1e9 / figure["cost"])


def data_table(result):
    out = []
    used = [column for column in COLUMNS
            if any((f["system"], f["module"]) == column[0]
                   and f["cost"] is not None for f in result["data"])]
    if not used:
        return out
    out.append("Data plane: %s per packet (TCP: per KiB, both ends), and how"
               % unit(result))
    out.append("many times ours with kmod; below it bytes on the wire per"
               " packet.")
    out.append("")
    for line in 0, 1:
        out.append(("%-25s" % ("" if line == 0
                               else "way   cipher      size IP")
                    + "".join("%16s" % column[1].split(",")[line]
                              for column in used) + (
                        "%8s" % ("" if line == 0 else "spread"))).rstrip())
    for way in "tx", "rx", "tcp":
        for (cipher, size, outer), row in cells(result, way).items():
            ours = row.get(OURS)
            found = [f for f in row.values() if f["cost"] is not None]
            if not found:
                continue
            out.append("%-5s %-11s %4s v%d" % (way, CIPHERS[cipher],
                                               size or "bulk", outer)
                       + "".join("%16s" % ratio(row.get(column[0]), ours)
                                 for column in used)
                       + "%7.1f%%" % max(f["spread"] for f in found))
            out.append("%-25s" % "      on the wire"
                       + "".join("%16s" % ("%.0f" % f["wire"]
                                           if f and f["cost"] is not None
                                           else "-")
                                 for f in (row.get(column[0])
                                           for column in used)))
            if result["about"]["clock"] == "ns":
                out.append("%-25s" % "      packets/s, TCP Mbit/s"
                           + "".join("%16s" % rate(way, row.get(column[0]))
                                     for column in used))
    out.append("")
    return out


def growth_table(result):
    """How our port's cost grows; 1 is one flow through one port."""
    out = []
    for module in "kmod", "tree":
        base = {f["way"]: f for f in result["data"]
                if plain(f) and (f["system"], f["module"]) == ("port", module)
                and (f["cipher"], f["size"], f["outer"]) == ("gcm", 64, 4)}
        figures = [f for f in result["data"]
                   if f["module"] == module and f["system"] == "port"
                   and not plain(f)]
        for f in sorted(figures, key=lambda f: (f["ports"], f["flows"])):
            one = base.get(f["way"])
            if not one or one["cost"] is None or f["cost"] is None:
                growth = ""
            else:
                growth = "%8.2f" % (f["cost"] / one["cost"])
            out.append(("%-9s %-3s %7d %6d %9s %s" % (
                {"kmod": "kmod", "tree": "in-tree"}[module], f["way"],
                f["flows"], f["ports"],
                "-" if f["cost"] is None else "%.0f" % f["cost"],
                growth)).rstrip())
    if not out:
        return out
    return ["Our port with many flows and ports, 64 bytes, AES-128-GCM: %s per"
            % unit(result), "packet, and how many times those of one flow"
            " through one port.", "",
            "module    way   flows  ports      cost   growth"] + out + [""]


def control_table(result):
    out = []
    part = None
    for row in result["rows"]:
        if row["value"] is None:
            continue
        if row["part"] != part:
            part = row["part"]
            out += ["", {"control": "Control plane: rows of OVS_XFRM, and"
                                    " \"ip -batch\"",
                         "sites": "Two sites under traffic",
                         "ike": "Against ovs-monitor-ipsec with strongSwan",
                         }[part], ""]
        out.append(("%-56s %10.2f %-8s %s"
                    % (row["name"], row["value"], row["unit"],
                       row.get("note") or "")).rstrip())
    return out + [""] if out else out


def missing_table(result):
    reasons = {}
    for f in result["data"]:
        if f["cost"] is None:
            what = "%s %s, %s" % (f["system"], f["way"],
                                  "kmod" if f["module"] == "kmod"
                                  else "in-tree")
            reasons.setdefault((what, f["reason"]), []).append(
                "%d/%s/v%d/%d flows/%d ports" % (
                    f["size"], f["cipher"], f["outer"], f["flows"],
                    f["ports"]))
    out = ["%s: %s [%s]" % (what, reason, ", ".join(cases))
           for (what, reason), cases in reasons.items()]
    out += ["%s: %s" % (row["name"], row.get("note") or "no reason given")
            for row in result["rows"] if row["value"] is None]
    return ["Not measured:"] + ["  " + line for line in out] + [""] \
        if out else []


def about_table(result):
    about = result["about"]
    out = []
    for name in ("date", "form", "kernel", "tree", "kmod", "ovs-vswitchd",
                 "iproute2", "strongSwan", "accelerator", "host_cpus", "load",
                 "seconds"):
        value = about.get(name)
        if isinstance(value, list):
            value = "; ".join(value)
        if value:
            label = {"tree": "module, in-tree", "kmod": "module, ours",
                     "host_cpus": "CPUs of the machine",
                     "load": "load of the machine",
                     "seconds": "took, seconds"}.get(name, name)
            out.append("%-20s %s" % (label + ":", value))
    return out + [""]


def table(result):
    return "\n".join(about_table(result) + data_table(result)
                     + growth_table(result) + control_table(result)
                     + missing_table(result))


def chart(result):
    """Bars, a group for each way and size, of AES-128-GCM in IPv4."""
    groups = []
    for way in "tx", "rx", "tcp":
        for (cipher, size, outer), row in cells(result, way).items():
            bars = [(label.replace(",", " "), colour, row[key]["cost"])
                    for key, label, colour in COLUMNS
                    if key in row and row[key]["cost"] is not None]
            if cipher == "gcm" and outer == 4 and bars:
                name = {"tx": "sent, %d bytes" % size,
                        "rx": "received, %d bytes" % size,
                        "tcp": "TCP, per KiB, both ends"}[way]
                groups.append((name, bars))
    width, left, bar, gap = 860, 190, 16, 14
    most = max((cost for _, bars in groups for _, _, cost in bars),
               default=1)
    about = result["about"]
    body = []
    y = 62
    for name, bars in groups:
        body.append('<text x="8" y="%d" font-weight="bold">%s</text>'
                    % (y + 12, escape(name)))
        ours = dict((label, cost) for label, _, cost in bars).get("ours kmod")
        for label, colour, cost in bars:
            length = max(1, round((width - left - 270) * cost / most))
            text = "%s: %.0f" % (label, cost)
            if ours:
                text += " (%.2f)" % (cost / ours)
            body.append('<rect x="%d" y="%d" width="%d" height="%d" '
                        'fill="%s"/>' % (left, y, length, bar - 2, colour))
            body.append('<text x="%d" y="%d">%s</text>'
                        % (left + length + 5, y + 11, escape(text)))
            y += bar
        y += gap
    title = ("%s per packet, AES-128-GCM, IPv4 outside; in brackets, times "
             "ours with kmod" % unit(result).capitalize())
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
        'font-family="sans-serif" font-size="11">' % (width, y),
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="8" y="20" font-size="14" font-weight="bold">%s</text>'
        % escape(title),
        '<text x="8" y="40">%s</text>' % escape(
            "%s, Linux %s, less is better"
            % (about.get("date", ""), about.get("kernel", ""))),
        *body, "</svg>", ""])


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        print({"table": table, "chart": chart}[
            sys.argv[2] if len(sys.argv) > 2 else "table"](json.load(f)))
