/** R15: data directories and clients of other versions: opened, or refused with a message; never changed in silence. */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { connect, isCorralError } from "@corral/client";
import { ExitCode } from "@corral/daemon";
import { startCorrald } from "@corral/end-to-end";
import { SUBPROTOCOL } from "@corral/protocol";
import { WebSocket } from "ws";
import { SMALL } from "../proof.ts";
import type { Row, RowStage } from "../row.ts";
import { Siege } from "../siege.ts";

/** Of both headers: magic, version (u16 at 8), checksum (u32 at 12, over the first 12 bytes and the rest). */
const VERSION_AT = 8;
const CRC_AT = 12;
const REST_AT = 16;
interface Header {
  readonly prefix: string;
  readonly checked: number;
}
const SEGMENT: Header = { prefix: "log-", checked: 128 };
const SNAPSHOT: Header = { prefix: "snapshot-", checked: 64 };
const LOAD_ENTRIES_MIN = 1_200;
const LOAD_MS_MAX = 30_000;
const ANSWER_MS = 5_000;

export const versions: Row = {
  name: "R15",
  title: "data and clients of other versions",
  boundMs: 120_000,
  async run(stage) {
    stage.say(
      "a segment and a snapshot of a later format, a client of another protocol, a restart on the same version",
    );
    const siege = await Siege.lay(stage, { clients: 4 });
    const until = performance.now() + LOAD_MS_MAX;
    while (siege.load.answered < LOAD_ENTRIES_MIN && performance.now() < until)
      await new Promise((resolve) => void setTimeout(resolve, 100));
    await strangers(siege);
    await siege.daemon.kill();
    await siege.read("before it is opened by others");
    const last = latest(siege.data, SEGMENT);
    await refuses(siege, stage, "a segment of the future", [[last, SEGMENT]]);
    const snapshots = names(siege.data, SNAPSHOT).map((name) => [name, SNAPSHOT] as const);
    if (snapshots.length === 0) siege.fail("fault", "there is no snapshot yet");
    await opensByItsLog(siege, stage, snapshots);
    await siege.start();
    siege.figures["snapshots"] = snapshots.length;
    return siege.end();
  },
};

const names = (data: string, { prefix }: Header): string[] =>
  readdirSync(data)
    .filter((name) => name.startsWith(prefix) && /^\w+-\d+$/.test(name))
    .sort();

/** The last that has been begun: what lies ready behind it is all zeros. */
const latest = (data: string, header: Header): string =>
  names(data, header).findLast((name) => readFileSync(path.join(data, name)).readUInt32LE(CRC_AT) !== 0)!;

/** As a later release would write it: version 2, and a checksum that holds. */
function fromTheFuture(file: string, { checked }: Header): void {
  const bytes = readFileSync(file);
  bytes.writeUInt16LE(2, VERSION_AT);
  bytes.writeUInt32LE(crc32(bytes.subarray(REST_AT, checked), crc32(bytes.subarray(0, CRC_AT))), CRC_AT);
  writeFileSync(file, bytes);
}

/** Of every stored file, by its name. */
function digests(data: string): string {
  const lines = readdirSync(data)
    .filter((name) => !name.startsWith("lock-"))
    .sort()
    .map(
      (name) =>
        `${name} ${createHash("sha256")
          .update(readFileSync(path.join(data, name)))
          .digest("hex")}`,
    );
  return lines.join("\n");
}

async function changed(siege: Siege, stage: RowStage, files: readonly (readonly [string, Header])[]): Promise<string> {
  const data = path.join(await stage.directory("future"), "data");
  cpSync(siege.data, data, { recursive: true, filter: (from) => !path.basename(from).startsWith("lock-") });
  for (const [name, header] of files) fromTheFuture(path.join(data, name), header);
  return data;
}

async function refuses(
  siege: Siege,
  stage: RowStage,
  what: string,
  files: readonly (readonly [string, Header])[],
): Promise<void> {
  const data = await changed(siege, stage, files);
  const before = digests(data);
  const said = await startCorrald({ data, limits: SMALL }).then(
    () => "it started",
    (error: unknown) => String(error),
  );
  siege.figures[what] = /ended with (\w+)/.exec(said)?.[1] ?? "started";
  if (!said.includes(`ended with ${ExitCode.badData} `) || !/version|newer|later/.test(said))
    siege.fail("versions", `${what}: not refused with a message: ${said.slice(0, 500)}`);
  if (digests(data) !== before) siege.fail("versions", `${what}: something in the directory was changed`);
}

/** Snapshots that cannot be read are said to be skipped; what they hold is in the log, or there is no start. */
async function opensByItsLog(
  siege: Siege,
  stage: RowStage,
  files: readonly (readonly [string, Header])[],
): Promise<void> {
  const data = await changed(siege, stage, files);
  try {
    const daemon = await startCorrald({ data, limits: SMALL });
    const isSaid = daemon.log().includes("snapshot_skipped");
    await daemon.kill();
    siege.figures["snapshots of the future"] = "skipped";
    if (!isSaid) siege.fail("versions", "snapshots of the future are passed over in silence");
  } catch (error) {
    siege.figures["snapshots of the future"] = "refused";
    if (!String(error).includes(`ended with ${ExitCode.badData} `))
      siege.fail("versions", `snapshots of the future: ${String(error).slice(0, 500)}`);
  }
}

/** Clients that speak something else are told so, and harm nobody. */
async function strangers(siege: Siege): Promise<void> {
  for (const offered of ["corral.v0", "corral.v999"]) {
    const answer = await upgrade(siege.daemon.url, offered);
    siege.figures[offered] = answer.status;
    if (answer.status !== 400 || !answer.text.includes(SUBPROTOCOL))
      siege.fail("versions", `${offered} was answered with ${answer.status} ${answer.text}`);
  }
  const client = await connect({ servers: [siege.daemon.url] });
  await client.stat("/").catch((error: unknown) => {
    if (!isCorralError(error)) throw error;
    siege.fail("versions", `after strangers, a client was answered ${error.code}`);
  });
  await client.close();
}

function upgrade(url: string, protocol: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocol, { handshakeTimeout: ANSWER_MS });
    socket.on("unexpected-response", (_request, response) => {
      let text = `${response.statusMessage ?? ""} `;
      response.on("data", (bytes: Buffer) => (text += bytes.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    socket.on("open", () => {
      socket.terminate();
      resolve({ status: 101, text: "" });
    });
    socket.on("error", (error) => resolve({ status: 0, text: String(error) }));
  });
}
