/**
 * ZooKeeper of Debian's packages, standalone, as it would be set up for production, and the generator on its own Java
 * client. Owns the server's settings and flags, and its process; never talks ZooKeeper's protocol.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { GeneratorCommand, RunningServer, StartOptions, System } from "./system.ts";

const run = promisify(execFile);

/** Its manifest names the jars that it needs. */
const jar = "/usr/share/java/zookeeper.jar";
/** Before ZooKeeper's own in the class path, so that it is the one binding: errors to stderr, nothing else is put together. */
const loggingJar = "/usr/share/java/slf4j-simple.jar";
const quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];
const sources = fileURLToPath(new URL("../../generators/zookeeper/", import.meta.url));
const COMPILE_MS_MAX = 120_000;
const VERSION_MS_MAX = 20_000;

/**
 * 4 GB: a million znodes of 100 bytes are half a gigabyte of live heap, and a collector wants several times the live
 * data. Initial and largest size are equal, as ZooKeeper's administrators are advised, so that the heap never has to
 * grow under load. The collector is the one that Java chooses by itself on such a machine.
 */
const serverFlags = ["-Xms4g", "-Xmx4g", "-XX:+UseG1GC", ...quiet];
/** The throughput collector with a large young space: what a client allocates dies at once, and pauses stay short. */
const generatorFlags = ["-Xms4g", "-Xmx4g", "-Xmn3g", "-XX:+UseParallelGC", "-Dzookeeper.sasl.client=false", ...quiet];

class ZooKeeper implements System {
  readonly name = "zookeeper";
  #classes: string | undefined;

  missing(): string | undefined {
    const there =
      existsSync(jar) &&
      existsSync(loggingJar) &&
      ["java", "javac"].every((tool) => spawnSync(tool, ["-version"]).error === undefined);
    return there ? undefined : "apt-get install zookeeper default-jdk-headless";
  }

  async prepare(scratch: string): Promise<void> {
    const classes = join(scratch, "zookeeper-generator");
    mkdirSync(classes, { recursive: true });
    const files = readdirSync(sources).filter((file) => file.endsWith(".java"));
    await run("javac", ["-encoding", "UTF-8", "-d", classes, "-cp", jar, ...files.map((file) => join(sources, file))], {
      timeout: COMPILE_MS_MAX,
    });
    this.#classes = classes;
  }

  async version(): Promise<string> {
    const options = { timeout: VERSION_MS_MAX };
    const server = await run("java", ["-cp", jar, "org.apache.zookeeper.version.VersionInfoMain"], options);
    const java = await run("java", ["--version"], options);
    const release = /version (\S+)/.exec(server.stdout)?.[1];
    if (release === undefined) throw new Error(`ZooKeeper does not say its version: ${server.stdout}`);
    return `ZooKeeper ${release} on ${java.stdout.split("\n")[0]}`;
  }

  generators(address: string): readonly GeneratorCommand[] {
    if (this.#classes === undefined) throw new Error("ZooKeeper's generator is not built yet: prepare comes first");
    const classPath = [loggingJar, this.#classes, jar].join(":");
    const command = ["java", ...generatorFlags, "-cp", classPath, "Main", address];
    return [{ name: "zookeeper", command, processorsMax: availableParallelism() }];
  }

  async start(options: StartOptions): Promise<RunningServer> {
    mkdirSync(options.directory, { recursive: true });
    const config = join(options.directory, "zoo.cfg");
    writeFileSync(config, configuration(options));
    const classPath = [loggingJar, jar].join(":");
    const command = [...serverFlags, "-cp", classPath, "org.apache.zookeeper.server.ZooKeeperServerMain", config];
    const log = openSync(join(options.directory, "server.log"), "a");
    const server = spawn("java", command, { cwd: options.directory, stdio: ["ignore", log, log] });
    closeSync(log);
    const endWithUs = (): void => void server.kill("SIGKILL");
    process.on("exit", endWithUs);
    server.once("exit", () => process.off("exit", endWithUs));
    await once(server, "spawn");
    return {
      pid: server.pid!,
      address: `127.0.0.1:${options.port}`,
      commandLine: `java ${command.join(" ")}`,
      kill: () => kill(server),
    };
  }
}

export const zookeeper: System = new ZooKeeper();

/** What is not named here has ZooKeeper's default: among it `forceSync`, so that a write is on disk when it is acknowledged. */
function configuration({ directory, port, snapshotEntries }: StartOptions): string {
  const settings = {
    tickTime: 2_000,
    // Snapshots and log: one disk, as the other systems have it.
    dataDir: join(directory, "data"),
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    // All connections come from one address, many at a time.
    maxClientCnxns: 0,
    clientPortListenBacklog: 4_096,
    maxSessionTimeout: 600_000,
    "admin.enableServer": false,
    "autopurge.purgeInterval": 0,
    ...(snapshotEntries === undefined ? {} : { snapCount: snapshotEntries }),
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, "exit");
  server.kill("SIGKILL");
  await ended;
}
