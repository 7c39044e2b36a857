/** A system and its generator that are none, and results made by hand. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { GeneratorCommand, System } from "../src/systems/system.ts";
import type { Growing, SystemName, Throughput } from "../src/report/results.ts";
import type { Workload } from "../src/generator/job.ts";
import type { Shape } from "../src/run/scale.ts";

const FAKE: string = fileURLToPath(new URL("fake-generator.mjs", import.meta.url));

export function fakeCommand(how: string, name = "fake"): GeneratorCommand {
  return { name, command: [process.execPath, FAKE, how, "127.0.0.1:1"], processorsMax: 1 };
}

/** A server that does nothing, and generators that do as they are told. */
export function fakeSystem(name: SystemName, hows: Readonly<Record<string, string>>, servers: ChildProcess[]): System {
  return {
    name,
    missing: () => undefined,
    prepare: () => Promise.resolve(),
    version: () => Promise.resolve(`${name} 0`),
    generators: () => Object.entries(hows).map(([variant, how]) => fakeCommand(how, variant)),
    async start({ port }) {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
      servers.push(child);
      await once(child, "spawn");
      return {
        pid: child.pid!,
        address: `127.0.0.1:${port}`,
        commandLine: "fake server",
        async kill() {
          const gone = once(child, "exit");
          child.kill("SIGKILL");
          await gone;
        },
      };
    },
  };
}

export function emptyResults(change: Partial<Growing> = {}): Growing {
  return {
    format: 1,
    date: "2026-01-02T03:04:05.000Z",
    commit: "abc",
    quick: false,
    rounds: 3,
    command: "npm run bench",
    minutes: 12,
    warnings: [],
    machine: {
      cpu: "Some CPU",
      cores: 2,
      memory: 24e9,
      kernel: "Linux 6",
      disk: "ext4 on /dev/x",
      diskIsMemory: false,
      node: "Node v24",
      flags: "none",
    },
    systems: [
      {
        name: "corral",
        version: "1",
        commandLine: "node corrald",
        clients: [
          { variant: "sdk", client: "js", processorsMax: 1 },
          { variant: "wire", client: "js", processorsMax: 1 },
        ],
      },
      { name: "zookeeper", version: "3.8", clients: [{ variant: "zookeeper", client: "java", processorsMax: null }] },
      { name: "etcd", missing: "apt-get install etcd-server", clients: [] },
    ],
    throughput: [],
    fanOut: [],
    sessions: [],
    sizes: [],
    restarts: [],
    snapshots: [],
    floors: [],
    failures: [],
    ...change,
  };
}

interface Given {
  readonly system: SystemName;
  readonly variant: string;
  readonly round: number;
  readonly perSecond: number;
  readonly workload?: Workload;
  readonly shape?: Shape;
  readonly p50?: number;
  /** Cores. */
  readonly server?: number;
  readonly generator?: number;
}

/** One second of load. */
export function row(given: Given): Throughput {
  const [connections, inFlight, place] = given.shape ?? [32, 64];
  const p50 = given.p50 ?? 100;
  const [server, generator] = [given.server ?? 0.5, given.generator ?? 0.5];
  return {
    system: given.system,
    variant: given.variant,
    round: given.round,
    workload: given.workload ?? "get",
    connections,
    inFlight,
    ...(place === undefined ? {} : { place }),
    operations: given.perSecond,
    seconds: 1,
    sampledSeconds: 1,
    latencies: { p50, p99: p50 * 2, p999: p50 * 3, max: p50 * 4 },
    serverCpu: server,
    generatorCpu: generator,
    machineCpu: server + generator + 0.1,
  };
}
