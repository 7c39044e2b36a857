/**
 * etcd, one member, as Debian's package has it, and its generator on etcd's own Go client, built from Debian's sources.
 * Owns the server's flags and how the generator is built; never downloads anything.
 */
import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import type { GeneratorCommand, RunningServer, StartOptions, System } from "./system.ts";

const ETCD = "/usr/bin/etcd";
const GO = "/usr/bin/go";
/** Where Debian keeps the sources of Go packages. */
const GO_PATH = "/usr/share/gocode";
const CLIENT_SOURCES = join(GO_PATH, "src/go.etcd.io/etcd/clientv3");
const GENERATOR_SOURCES = fileURLToPath(new URL("../../generators/etcd", import.meta.url));

/** From an empty cache 13 s on two idle cores: the client and gRPC are compiled too. */
const BUILD_MS_MAX = 300_000;
const VERSION_MS_MAX = 10_000;
/** The default of 2 GiB is too little for a million keys and their history; etcd advises not to go beyond 8. */
const BACKEND_BYTES_MAX = 8 * 1024 ** 3;
/**
 * etcd keeps every version of a key until it is told to forget, and its default is to keep them forever; what it is
 * compared with keeps the last one. Every five minutes is what Kubernetes does: seldom enough not to be in the way of a
 * measurement, and a long run does not fill the disk with history.
 */
const HISTORY_KEPT = "5m";

const run = promisify(execFile);
/** Of the generator, once it is built. */
let binary: string | undefined;

async function prepare(scratch: string): Promise<void> {
  const output = resolve(scratch, "etcd-generator");
  const cache = resolve(scratch, "go-cache");
  mkdirSync(cache, { recursive: true });
  await run(GO, ["build", "-o", output, "."], {
    cwd: GENERATOR_SOURCES,
    timeout: BUILD_MS_MAX,
    killSignal: "SIGKILL",
    // No module is looked up and no C compiler is needed: only what Debian's packages brought.
    env: {
      ...process.env,
      GOPATH: GO_PATH,
      GOCACHE: cache,
      GO111MODULE: "off",
      GOPROXY: "off",
      GOFLAGS: "",
      CGO_ENABLED: "0",
    },
  });
  binary = output;
}

async function version(): Promise<string> {
  const { stdout } = await run(ETCD, ["--version"], { timeout: VERSION_MS_MAX });
  const field = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(stdout)?.[1] ?? "unknown";
  return `etcd ${field("etcd Version")}, ${field("Go Version")}`;
}

function generators(address: string): readonly GeneratorCommand[] {
  if (binary === undefined) throw new Error("the generator of etcd is not built yet");
  return [
    { name: "etcd", command: [binary, address], processorsMax: Infinity },
    { name: "etcd-serializable", command: [binary, "serializable", address], processorsMax: Infinity },
  ];
}

/** All that concerns durability stays as it is by default: etcd syncs its log before it acknowledges. */
function flags({ directory, port, snapshotEntries }: StartOptions): readonly string[] {
  const clients = `http://127.0.0.1:${port}`;
  // There are no peers: their address is a socket in the data directory, the same again after a restart at another port.
  const peers = "unix://peers:0";
  return [
    ...["--name", "bench", "--data-dir", resolve(directory)],
    ...["--listen-client-urls", clients, "--advertise-client-urls", clients],
    ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", `bench=${peers}`],
    ...["--quota-backend-bytes", String(BACKEND_BYTES_MAX)],
    ...["--auto-compaction-mode", "periodic", "--auto-compaction-retention", HISTORY_KEPT],
    // Warnings about each request that took 100 ms would be most of what a loaded server does.
    ...["--logger", "zap", "--log-outputs", "stderr", "--log-level", "error"],
    ...(snapshotEntries === undefined ? [] : ["--snapshot-count", String(snapshotEntries)]),
  ];
}

async function start(options: StartOptions): Promise<RunningServer> {
  const given = flags(options);
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  // Not to the terminal: a line for each of two thousand requests whose client goes.
  const log = openSync(join(options.directory, "server.log"), "a");
  const child = spawn(ETCD, given, { cwd: options.directory, stdio: ["ignore", "ignore", log] });
  closeSync(log);
  const gone = new Promise<void>((done) => {
    child.once("exit", () => done());
  });
  // The bench ends its servers itself; this is for when it could not.
  const killNow = (): void => void child.kill("SIGKILL");
  process.once("exit", killNow);
  void gone.then(() => process.off("exit", killNow));
  await new Promise<void>((spawned, failed) => {
    child.once("spawn", spawned);
    child.once("error", failed);
  });
  return {
    pid: child.pid!,
    address: `127.0.0.1:${options.port}`,
    commandLine: [ETCD, ...given].join(" "),
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

export const etcd: System = {
  name: "etcd",
  missing: () =>
    [ETCD, GO, CLIENT_SOURCES].every((path) => existsSync(path))
      ? undefined
      : "etcd, Go or the sources of etcd's client: apt-get install --no-install-recommends etcd-server golang-go golang-etcd-server-dev",
  prepare,
  version,
  generators,
  start,
};
