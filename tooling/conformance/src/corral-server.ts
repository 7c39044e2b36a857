// Corral's own server in this process, on a real WebSocket and a real log file in a temporary directory. It owns both,
// and takes them away at the end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileLog } from "@corral/log";
import { startServer } from "@corral/server";
import { superIdentity } from "./acl.ts";
import type { CorralServer } from "./corral-target.ts";

export async function startCorral(): Promise<CorralServer> {
  const directory = mkdtempSync(join(tmpdir(), "corral-conformance-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.on("exit", remove);
  const server = await startServer({
    log: openFileLog({ directory: join(directory, "data") }),
    port: 0,
    options: { superIdentities: [superIdentity] },
    // Reaping by a timer has no place in a comparison of answers; ZooKeeper's is put off as well.
    limits: { reapsPerTick: 0 },
    onFatal: (error) => {
      throw error;
    },
  });
  const [url] = server.urls;
  if (url === undefined) throw new Error("the server listens nowhere");
  const stop = async (): Promise<void> => {
    await server.close();
    process.off("exit", remove);
    remove();
  };
  return { url, stop };
}
