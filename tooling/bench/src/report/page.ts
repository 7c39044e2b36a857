/**
 * The page: made whole from the raw results, every time. Owns its order and its words; each figure comes from its section.
 * What was not measured is said, not left out.
 */
import { floorsSection } from "./floors-section.ts";
import { machineSection, othersShares } from "./machine-section.ts";
import { connectionsSection, sizeSection, snapshotSection } from "./parts-section.ts";
import { median, percent } from "./numbers.ts";
import type { Results } from "./results.ts";
import { TITLES, ratioText, table, targetText } from "./tables.ts";
import { type Judged, type Verdict, judge } from "./targets.ts";
import { throughputSection } from "./throughput-section.ts";

/** Of the machine, in the median measurement. The kernel's own work, of sockets and of the disk, stays below it. */
const OTHERS_SHARE_MAX = 0.2;

/** Names of the files beside the page. */
export interface Beside {
  readonly svg: string;
  readonly json: string;
}

export function page(results: Results, { svg, json }: Beside): string {
  const blocks = [
    "# Benchmarks: Corral, ZooKeeper and etcd side by side",
    `Made by \`npm run bench\` from [${json}](${json}); not written by hand. One run on one machine on ${results.date.slice(0, 10)}: figures compare the three there, and say little of another machine.`,
    ...notices(results),
    `![Throughput, latency, memory and restart of the three systems](${svg})`,
    targetsSection(results),
    throughputSection(results),
    connectionsSection(results),
    sizeSection(results),
    snapshotSection(results),
    floorsSection(results),
    COMPARABLE,
    machineSection(results),
  ];
  return `${blocks.map((block) => block.trim()).join("\n\n")}\n`;
}

function notices(results: Results): string[] {
  const lines: string[] = [];
  if (results.quick) lines.push("**A quick run: it shows that every part works. No figure here means anything.**");
  for (const { name, missing } of results.systems) {
    if (missing !== undefined) lines.push(`**Without ${TITLES[name]}: ${missing}.**`);
  }
  for (const warning of results.warnings) lines.push(`**Warning: ${warning}.**`);
  const others = othersShares(results);
  if (others.length > 0 && median(others) > OTHERS_SHARE_MAX) {
    lines.push(`**Warning: others used ${percent(median(others))} of the machine during the measurements.**`);
  }
  for (const { system, what, why } of results.failures) {
    lines.push(`**Failed: ${system}, ${what}: ${why.split("\n")[0]}.**`);
  }
  return lines;
}

function targetsSection(results: Results): string {
  const judged = judge(results);
  const rows = judged.map((one) => [
    one.measure,
    one.other === undefined ? "itself" : TITLES[one.other],
    one.variant,
    targetText(one),
    ratioText(one.ratio),
    ratioText(one.serverCpu),
    one.verdict,
  ]);
  return `## Targets

${headline(judged)}

Corral's figure divided by the other's: median of the rounds (${results.rounds} of throughput and latency), and in parentheses the lowest and the highest. \`sdk\` is the client
library as users have it. \`wire\` is a bare client on the same protocol, as little as can be: what it shows is the server. Both put the requests of one turn into one
frame. "≥", "≤": Corral's own generator had no CPU time left, so the server can do at least that well. "†": the other's generator had none, so the ratio is no claim;
the ratio of the servers' CPU for one operation, beside it, is one still.

${table(["measure", "against", "client", "aimed at", "measured", "server CPU/op", "verdict"], rows)}`;
}

/** Says of which client it speaks. */
function headline(judged: readonly Judged[]): string {
  const count = (variant: string): string => {
    const own = judged.filter((one) => one.variant === variant && one.verdict !== "not measured");
    const of = (verdict: Verdict): number => own.filter((one) => one.verdict === verdict).length;
    return `${of("reached")} of ${own.length} reached, ${of("missed")} missed, ${of("no claim")} without a claim`;
  };
  return `**With the bare client (\`wire\`): ${count("wire")}. With the library (\`sdk\`), throughput and lone latency: ${count("sdk")}.**`;
}

const COMPARABLE = `## What is compared, and what is not

- One server of each, alone, on one disk. Server and generator are processes of their own and share the machine's cores.
- Every write is synced to the disk before it is acknowledged, on all three. None has its sync switched off.
- Of each system one server runs, and each answers a read from what it has. etcd's default read makes sure first that it is still the leader; the cheaper
  one, which does not, stands beside it as "serializable reads".
- etcd 3.4 copies its buffer of recent puts for every read. Before each load it is given the half second in which it lets that buffer go: a get after puts
  would cost it several times as much.
- Each generator is written in the language of its system's own client: JavaScript for Corral, Java for ZooKeeper, Go for etcd. Ten thousand connections
  are made by bare clients, because no client library is meant for that many in one process.
- Closed loop: each of so many connections keeps so many operations in flight ("32 × 64"), and the next begins when one ends. Latency under 32 × 64 is therefore
  mostly waiting for 2,047 others; the lone figures (1 × 1) say what one operation takes.
- An etcd ephemeral is a key with a lease, and its multi is a transaction of puts. etcd has no tree, and its watches are streams over one connection each.
- ZooKeeper's resident memory depends on the heap that it is given; its command line is below.
- kill -9 leaves the page cache warm: a restart reads from memory what a reboot would read from the disk.
- No network, no replication, no TLS: what those cost is not here.`;
