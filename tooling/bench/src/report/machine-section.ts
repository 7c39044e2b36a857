/** What the run stood on, and how to do it again. */
import { megabytes, median, percent } from "./numbers.ts";
import type { Measurement, Results } from "./results.ts";
import { TITLES, table } from "./tables.ts";

export function machineSection(results: Results): string {
  const { machine } = results;
  const facts = [
    ["processor", `${machine.cpu}, ${machine.cores} cores`],
    ["memory", megabytes(machine.memory)],
    ["kernel", machine.kernel],
    ["disk", machine.diskIsMemory ? `${machine.disk}: **in memory, no disk**` : machine.disk],
    ["Node", machine.node],
    ["V8 flags", machine.flags],
    ["others during the measurements", othersText(results)],
    ["commit", results.commit],
    ["date", results.date],
    ["took", `${results.minutes.toFixed(1)} minutes`],
  ];
  const systems = results.systems.map((facts) => {
    if (facts.missing !== undefined) return `- **${TITLES[facts.name]}**: missing: ${facts.missing}`;
    const server = facts.commandLine === undefined ? "" : `\n  - server: \`${facts.commandLine}\``;
    const clients = facts.clients.map(
      ({ variant, client, processorsMax }) =>
        `\n  - client \`${variant}\`: ${client}${processorsMax === 1 ? ", one thread" : ""}`,
    );
    return `- **${TITLES[facts.name]}**: ${facts.version ?? "unknown"}${server}${clients.join("")}`;
  });
  return `## Machine, versions, and how to repeat it

${table(["what", "here"], facts)}
${systems.join("\n")}

To repeat it: \`apt-get install --no-install-recommends zookeeper default-jdk-headless etcd-server golang-go golang-etcd-server-dev\`, then \`${results.command}\` on a machine that does nothing else.
\`npm run bench -- --report FILE\` makes this page again from its raw results.`;
}

/** What neither server nor generator used, as a share of the machine: the bench itself, the kernel, and strangers. */
export function othersShares(results: Results): number[] {
  const { cores } = results.machine;
  const all: readonly Measurement[] = [...results.throughput, ...results.fanOut, ...results.snapshots];
  return all.map(
    (one) => Math.max(0, one.machineCpu - one.serverCpu - one.generatorCpu) / (one.sampledSeconds * cores),
  );
}

function othersText(results: Results): string {
  const shares = othersShares(results);
  if (shares.length === 0) return "unknown";
  return `used ${percent(median(shares))} of the machine in the median, ${percent(Math.max(...shares))} at most; the kernel's own work is among it`;
}
