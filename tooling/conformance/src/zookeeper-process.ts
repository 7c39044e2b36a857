// A standalone ZooKeeper of Debian's package on a free loopback port. It owns the process, its configuration and its
// temporary directory, and takes both away at the end, however the harness ends. It never talks the client protocol.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { superIdentity } from "./acl.ts";

const jar = "/usr/share/java/zookeeper.jar";
const loggingJar = "/usr/share/java/slf4j-nop.jar";
/** Milliseconds a server may take to answer its first word. */
const startLimit = 30_000;
/** Milliseconds for the answer to one four-letter word. */
const wordLimit = 2_000;
const portTries = 100;

/** Why a real ZooKeeper cannot be started here, or undefined if it can. */
export function zookeeperMissing(): string | undefined {
  if (!existsSync(jar)) return `${jar} is not there. Install Debian's ZooKeeper: apt-get install -y zookeeper`;
  if (spawnSync("java", ["-version"]).error !== undefined)
    return "java is not on the PATH. Install it: apt-get install -y default-jre-headless";
  return undefined;
}

export interface ZooKeeperProcess {
  readonly port: number;
  /** As it says itself, such as 3.8.0. */
  readonly version: string;
  stop(): Promise<void>;
}

export async function startZooKeeper(): Promise<ZooKeeperProcess> {
  const missing = zookeeperMissing();
  if (missing !== undefined) throw new Error(missing);
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "corral-conformance-"));
  const config = join(directory, "zoo.cfg");
  writeFileSync(config, configuration(directory, port));
  const java = spawn(
    "java",
    [...javaFlags, "-cp", `${jar}:${loggingJar}`, "org.apache.zookeeper.server.ZooKeeperServerMain", config],
    {
      cwd: directory,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-4000));
  java.stdout.on("data", keep);
  java.stderr.on("data", keep);
  const endWithUs = (): void => void java.kill("SIGKILL");
  process.on("exit", endWithUs);
  const stop = async (): Promise<void> => {
    process.off("exit", endWithUs);
    await end(java);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    return { port, version: await ready(java, port), stop };
  } catch (error) {
    await stop();
    throw new Error(`ZooKeeper did not start: ${(error as Error).message}\n${output}`);
  }
}

const javaFlags = [
  "-Xmx1g",
  "-XX:+UseSerialGC",
  "-Dzookeeper.extendedTypesEnabled=true",
  `-Dzookeeper.DigestAuthenticationProvider.superDigest=${superIdentity.id}`,
  // Reaping by a timer has no place in a comparison of answers.
  "-Dznode.container.checkIntervalMs=86400000",
];

function configuration(directory: string, port: number): string {
  const settings = {
    tickTime: 100,
    minSessionTimeout: 200,
    maxSessionTimeout: 120_000,
    dataDir: join(directory, "data"),
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    "admin.enableServer": false,
    "4lw.commands.whitelist": "*",
    maxClientCnxns: 0,
    forceSync: "no",
    snapCount: 100_000_000,
    preAllocSize: 4096,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

async function ready(java: ChildProcess, port: number): Promise<string> {
  const deadline = performance.now() + startLimit;
  while (performance.now() < deadline) {
    if (java.exitCode !== null || java.signalCode !== null)
      throw new Error(`java ended with ${java.exitCode ?? java.signalCode}`);
    const answer = await fourLetterWord(port, "srvr").catch(() => "");
    const version = /^Zookeeper version: ([\d.]+)/.exec(answer)?.[1];
    if (version !== undefined && answer.includes("Mode:")) return version;
    await delay(50);
  }
  throw new Error(`no answer to srvr on port ${port} within ${startLimit} ms`);
}

/** Sends one of ZooKeeper's four-letter words and gives its whole answer. */
async function fourLetterWord(port: number, word: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setTimeout(wordLimit);
  socket.on("timeout", () => socket.destroy(new Error(`no answer to ${word} within ${wordLimit} ms`)));
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  await once(socket, "connect");
  socket.write(word);
  await once(socket, "close");
  return answer;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/**
 * A port that was free a moment ago. Below the range that outgoing connections take theirs from: asking an unbound
 * port of that range whether a server is up can connect a socket with itself, and so take the server's port away.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < portTries; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer().listen(port, "127.0.0.1");
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error(`no free port found in ${portTries} tries`);
}
