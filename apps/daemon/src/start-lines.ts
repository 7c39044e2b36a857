/** What corrald says on stdout once it serves: where clients connect, where the data is, what to try next. For people. */
import { DEFAULT_PORT } from "@corral/server";
import { VERSION } from "./version.ts";

export interface Start {
  readonly urls: readonly string[];
  readonly data: string;
  /** Of the last entry found in the log; 0 in a new one. */
  readonly zxid: number;
  /** Records of the log that were applied after the snapshot. */
  readonly batches: number;
  readonly snapshotZxid: number | undefined;
  readonly znodes: number;
  readonly sessions: number;
  readonly ms: number;
}

export function startLines(start: Start): readonly string[] {
  return [
    `corrald ${VERSION} serves on ${start.urls.join(", ")}`,
    `  data: ${start.data}`,
    `        ${found(start)} (${start.ms} ms)`,
    `  try:  ${nextCommand(start.urls[0])}`,
  ];
}

function found({ zxid, batches, snapshotZxid, znodes, sessions }: Start): string {
  if (zxid === 0) return "a new log";
  const from = snapshotZxid === undefined ? "" : `the snapshot of zxid ${snapshotZxid} and `;
  return `recovered to zxid ${zxid} from ${from}${count(batches, "log record")}: ${count(znodes, "znode")}, ${count(sessions, "session")}`;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** From the sources it is npm that runs the command line; where corrald was installed, npx finds it beside. */
function nextCommand(url: string | undefined): string {
  const command = import.meta.dirname.includes("node_modules") ? "npx corral" : "npm run corral --";
  const server = url === undefined || url === `ws://127.0.0.1:${DEFAULT_PORT}` ? "" : ` --server ${url}`;
  return `${command} ls /${server}`;
}
