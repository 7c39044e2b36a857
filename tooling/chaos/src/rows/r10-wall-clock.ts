/** R10: the wall clock of corrald's machine is set, forward and back. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Holder } from "../holder.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";
import { FAKETIME } from "../tools.ts";

const SESSION_MS = 2_000;
const HOUR_S = 3_600;
const YEAR_S = 365 * 24 * HOUR_S;
/** Against the true time, seconds. */
const JUMPS: readonly number[] = [HOUR_S, -HOUR_S, 10 * YEAR_S, 0, -10 * YEAR_S, 0];
/** After each, past the sessions' timeout. */
const AFTER_MS = SESSION_MS * 1.5;
/** A znode with this time to live outlives the row, whatever the wall clock says. */
const TTL_MS = 600_000;

export const wallClock: Row = {
  name: "R10",
  title: "the wall clock jumps by an hour and by ten years, both ways",
  boundMs: 120_000,
  needs: ["libfaketime"],
  async run(stage) {
    const jumps = stage.isQuick ? JUMPS.slice(0, 4) : JUMPS;
    stage.say(`offsets ${jumps.join(", ")} s; sessions of ${SESSION_MS} ms`);
    const file = path.join(await stage.directory("clock"), "offset");
    await writeFile(file, "+0\n");
    const env = {
      LD_PRELOAD: FAKETIME!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
    const siege = await Siege.lay(stage, { clients: 4, load: { sessionTimeoutMs: SESSION_MS } }, { env });
    const holder = await Holder.open({ servers: async () => [siege.daemon.url], sessionTimeoutMs: SESSION_MS });
    stage.atEnd(() => holder.close());
    const { token } = holder.held;
    await holder.client.create("/mortal", null, { lifetime: { ttlMs: TTL_MS } });
    await holder.client.create("/mine", null, { lifetime: "ephemeral" });
    let farthestS = 0;
    for (const jump of jumps) {
      await writeFile(file, `${jump < 0 ? "" : "+"}${jump}\n`);
      await wait(AFTER_MS);
      const away = (await wallMsOf(siege.daemon.url)) - Date.now();
      farthestS = Math.max(farthestS, Math.abs(away) / 1_000);
      if (Math.abs(away / 1_000 - jump) > 60)
        siege.fail("fault", `its wall clock is ${away / 1_000} s away instead of ${jump}`);
      if (!holder.isSure || holder.held.token !== token) siege.fail("locks", `a lock was lost by a jump to ${jump} s`);
      for (const at of ["/mortal", "/mine"])
        if ((await holder.client.stat(at)) === undefined)
          siege.fail("expiry", `${at} is gone after a jump to ${jump} s`);
      const lost = siege.load.lost.server + siege.load.lost["local-deadline"] + holder.client.stats().sessionsLost;
      if (lost > 0) siege.fail("sessions", `${lost} sessions are lost after a jump to ${jump} s`);
    }
    Object.assign(siege.figures, { jumps: jumps.length, "farthest s": Math.round(farthestS) });
    await holder.close();
    return siege.end();
  },
};

/** As it tells everybody who asks over HTTP. */
async function wallMsOf(url: string): Promise<number> {
  const response = await fetch(url.replace("ws:", "http:"));
  await response.body?.cancel();
  return Date.parse(response.headers.get("date") ?? "");
}
