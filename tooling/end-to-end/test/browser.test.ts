/** The SDK in a real browser, against a real corrald. Needs Chromium. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { endAll, startCorrald } from "../src/corrald-process.ts";
import { servePage } from "../src/web-page.ts";

const CHROMIUM = process.env["CORRAL_CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

const isHere = existsSync(CHROMIUM);
if (!isHere && process.env["CI"] === undefined) {
  console.error(
    `SKIPPED: the SDK in a browser. There is no ${CHROMIUM}; install it (Debian: apt-get install chromium), or name one in CORRAL_CHROMIUM`,
  );
}

const PROGRAM = `
  const { connect, json, op } = sdk;
  const told = [];
  const config = json({ empty: null });
  const client = await connect({ servers: [SERVER] });
  await client.create("/app/config", { replicas: 3 }, { codec: config, parents: true });
  const changes = await client.subscribe("/app", { codec: config });
  await client.update("/app/config", ({ value }) => ({ replicas: value.replicas + 1 }), { codec: config });
  await client.multi([op.create("/app/job-", null, { sequential: true })]);
  for await (const event of changes) {
    told.push((event.kind + " " + (event.path ?? "")).trim());
    if (event.path?.startsWith("/app/job-")) break;
  }
  told.push((await client.get("/app/config", { codec: config })).value.replicas);
  await client.close();
  return JSON.stringify(told);
`;

let directory: string;
afterEach(async () => {
  await endAll();
  rmSync(directory, { recursive: true, force: true });
});

test.skipIf(!isHere && process.env["CI"] === undefined)(
  "the browser build works unbundled in Chromium, under a policy without code from strings",
  async () => {
    directory = mkdtempSync(path.join(tmpdir(), "corral-browser-"));
    const corrald = await startCorrald({ data: path.join(directory, "data") });
    const page = await servePage(PROGRAM.replace("SERVER", JSON.stringify(corrald.url)));
    const chromium = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${path.join(directory, "profile")}`, page.url], {
      stdio: "ignore",
    });
    const gone = new Promise<void>((resolve, reject) => {
      chromium.once("error", reject);
      chromium.once("exit", () => resolve());
    });
    try {
      const result = await Promise.race([page.result, gone.then(() => "ERROR Chromium ended by itself")]);
      expect(JSON.parse(result)).toEqual([
        "entry /app",
        "entry /app/config",
        "synced",
        "changed /app/config",
        "created /app/job-0000000001",
        4,
      ]);
    } finally {
      chromium.kill();
      await gone;
      page.close();
    }
  },
);
