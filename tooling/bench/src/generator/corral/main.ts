/**
 * The load generator of corral: `node main.js sdk|wire|wire-single ADDRESS`. Jobs come on stdin, marks go to stdout; ends with
 * its stdin.
 *
 * `sdk` loads, fills and holds sessions with the client library. `wire` speaks the protocol itself, what is asked in one turn
 * as one message; `wire-single` gives each request a message of its own. Watchers and the first read are the wire's in all
 * three: what is measured there is the server.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Job, Mark, SessionsJob } from "../job.ts";
import { fill as sdkFill } from "./sdk/fill.ts";
import { load as sdkLoad } from "./sdk/load.ts";
import { SdkSessions } from "./sdk/sessions.ts";
import { fill } from "./wire/fill.ts";
import { Fleet } from "./wire/fleet.ts";
import { load } from "./wire/load.ts";
import { read } from "./wire/read.ts";
import { watch } from "./wire/watch.ts";

const VARIANTS = ["sdk", "wire", "wire-single"];

interface Sessions {
  close(): Promise<void>;
}

const [variant = "", url = ""] = process.argv.slice(2);
if (!VARIANTS.includes(variant) || url === "") throw new Error(`usage: main.js ${VARIANTS.join("|")} ADDRESS`);
const isSdk = variant === "sdk";
const isBatched = variant === "wire";
let sessions: Sessions | undefined;

const say = (mark: Mark): void => {
  process.stdout.write(`${JSON.stringify(mark)}\n`);
};

say({ mark: "ready", client: clientName() });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    await perform(JSON.parse(line) as Job);
  } catch (error) {
    say({ mark: "failed", why: (error as Error).message });
  }
}
process.exit();

async function perform(job: Job): Promise<void> {
  switch (job.job) {
    case "load":
      return isSdk ? sdkLoad(url, job, say) : load(url, isBatched, job, say);
    case "fill":
      return isSdk ? sdkFill(url, job, say) : fill(url, isBatched, job, say);
    case "watch":
      return watch(url, job, say);
    case "read":
      return read(url, job, say);
    case "sessions":
      return hold(job);
    case "release":
      await sessions?.close();
      sessions = undefined;
      return say({ mark: "released" });
  }
}

async function hold(job: SessionsJob): Promise<void> {
  if (sessions !== undefined) throw new Error("there are sessions already");
  const { count, timeoutMs } = job;
  say({ mark: "begin" });
  const started = performance.now();
  sessions = isSdk ? await SdkSessions.open(url, job) : await Fleet.open({ url, count, timeoutMs });
  say({ mark: "end", operations: count, seconds: (performance.now() - started) / 1_000 });
}

function clientName(): string {
  const packageFile = createRequire(import.meta.url).resolve("@corral/client/package.json");
  const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { readonly version: string };
  const by = isSdk ? `@corral/client ${version}` : "protocol by hand over TCP";
  return `${by}, ${isSdk || isBatched ? "requests of one turn in one frame" : "one request a frame"}, Node ${process.version}`;
}
