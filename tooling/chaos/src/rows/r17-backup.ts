/** R17: a copy is made of the data directory while it is written to, and restored. */
import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { CORRALD } from "@corral/end-to-end";
import { dumpOfServer } from "@corral/simulation";
import { SMALL } from "../proof.ts";
import { stateIn } from "../read-log.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const BACKUPS = { full: 12, quick: 3 };
const PAUSE_MS = 350;
const RESTORE_MS_MAX = 30_000;
const run = promisify(execFile);

export const backup: Row = {
  name: "R17",
  title: "backups made under load, and restored",
  boundMs: 150_000,
  async run(stage) {
    const backups = stage.isQuick ? BACKUPS.quick : BACKUPS.full;
    stage.say(`${backups} copies of a directory that is written to`);
    const siege = await Siege.lay(stage, { clients: 5 });
    const restored: { readonly zxid: number; readonly text: string }[] = [];
    let refused = 0;
    for (let i = 1; i <= backups; i++) {
      await wait(PAUSE_MS);
      const copy = await stage.directory(`copy-${i}`);
      const data = path.join(await stage.directory(`restored-${i}`), "data");
      try {
        await cp(siege.data, copy, { recursive: true, filter: (from) => !path.basename(from).startsWith("lock-") });
      } catch (error) {
        // A segment or a snapshot that was deleted meanwhile: whoever copies sees the failure, and copies again.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        refused++;
        continue;
      }
      try {
        await run(process.execPath, [CORRALD, "restore", "--from", copy, "--data", data], { timeout: RESTORE_MS_MAX });
      } catch (error) {
        const { stderr, code } = error as { readonly stderr?: string; readonly code?: number };
        siege.fail("restore", `backup ${i} cannot be restored (${code}): ${stderr}`);
        continue;
      }
      const state = await stateIn(data, SMALL, "newest");
      restored.push({ zxid: state.zxid, text: dumpOfServer(state) });
    }
    // The model has each of these states at its zxid, or the restored one was none that ever was.
    for (const { zxid, text } of restored) siege.load.history.dumps.push({ zxid, why: "restored from a backup", text });
    if (restored.length === 0) siege.fail("fault", "no backup was restored");
    Object.assign(siege.figures, { restored: restored.length, "copies to be made again": refused });
    return siege.end();
  },
};
