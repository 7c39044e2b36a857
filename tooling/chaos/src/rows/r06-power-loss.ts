/**
 * R6: the power fails. What corrald did to its files and what it told its clients is written down by strace; from that, directories are
 * made as a disk could have left them at many moments, with what had not been synced lost, torn or out of order. Each is recovered.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ONE_THREAD, startCorrald } from "@corral/end-to-end";
import { LogError } from "@corral/log";
import { dumpOfServer } from "@corral/simulation";
import { digestOf } from "@corral/state-machine";
import { type Image, imageAt } from "../power-loss/image.ts";
import { type Recorded, understand } from "../power-loss/record.ts";
import { readCalls } from "../power-loss/system-calls.ts";
import { SMALLEST } from "../proof.ts";
import { stateIn } from "../read-log.ts";
import type { Row, RowStage } from "../row.ts";
import { Siege } from "../siege.ts";

const LOAD_MS = { full: 6_000, quick: 2_500 };
const IMAGES = { full: 600, quick: 120 };
/** Of those, recovered by a real corrald, which repairs. */
const STARTS = { full: 12, quick: 2 };
/** Shares of what was not synced that is there nevertheless. */
const KEPT: readonly number[] = [0, 0.3, 0.7, 1];
const CALLS = "openat,close,accept4,write,writev,pwritev,pwrite64,fsync,fdatasync,rename,unlink,ftruncate,fallocate";

export const powerLoss: Row = {
  name: "R6",
  title: "power loss: what was not synced is lost, torn or out of order",
  boundMs: 280_000,
  needs: ["strace"],
  async run(stage) {
    const [loadMs, images, starts] = stage.isQuick
      ? [LOAD_MS.quick, IMAGES.quick, STARTS.quick]
      : [LOAD_MS.full, IMAGES.full, STARTS.full];
    stage.say(`${loadMs} ms of load recorded, ${images} disks after a power failure, ${starts} of them started`);
    const record = path.join(await stage.directory("record"), "calls");
    const wrapper = ["strace", "-f", "-qq", "-v", "-xx", "-s", "1000000", "-o", record, "-e", `trace=${CALLS}`];
    const siege = await Siege.lay(stage, { clients: 3, limits: SMALLEST }, { wrapper, env: ONE_THREAD });
    await wait(loadMs);
    process.kill(siege.pid, "SIGKILL");
    await siege.daemon.ended;
    await siege.read("as the disk of this machine has kept it");
    const recorded = understand(readCalls(readFileSync(record, "latin1")), siege.data);
    const draw = stage.draw("failures");
    const scratch = await stage.directory("image");
    let told = 0;
    let more = 0;
    for (let i = 0; i < images; i++) {
      const moment = draw() * (recorded.lastLine + 1);
      const image = imageAt(recorded.operations, moment, draw, KEPT[i % KEPT.length]!);
      const said = saidBefore(recorded, moment);
      const zxid = await recovered(siege, scratch, image, said, `power loss ${i + 1}`);
      if (said > 0) told++;
      if (zxid > said) more++;
      if (i < starts) await startedOn(siege, stage, image, said);
    }
    Object.assign(siege.figures, {
      operations: recorded.operations.length,
      "states told": recorded.said.length,
      images,
      "after something was told": told,
      "with more than was told": more,
      started: starts,
    });
    if (told === 0)
      siege.fail("fault", "nobody had been told anything before any power failure: the row proves nothing");
    await siege.start();
    return siege.end();
  },
};

/** The newest state that anybody had been shown by then. */
const saidBefore = ({ said }: Recorded, moment: number): number =>
  said.reduce((most, { at, zxid }) => (at < moment ? Math.max(most, zxid) : most), 0);

function write(directory: string, image: Image): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const [name, bytes] of image) writeFileSync(path.join(directory, name), bytes);
}

/** Nothing that was told is gone, and what is there is a state that was: its zxid. */
async function recovered(siege: Siege, directory: string, image: Image, told: number, why: string): Promise<number> {
  write(directory, image);
  const { known } = siege.reader;
  try {
    const state = await stateIn(directory, SMALLEST, "newest", (batch) => known.saw(batch, why));
    const other = await stateIn(directory, SMALLEST, "oldest");
    if (digestOf(state) !== digestOf(other))
      siege.fail("recovery", `${why}: the newest and the oldest snapshot lead to different states`);
    if (state.zxid < told) siege.fail("durability", `${why}: ends at ${state.zxid}; ${told} had been told to a client`);
    // The model compares it with what the log says of that zxid; before the first entry there is nothing to compare.
    if (state.zxid > 0) siege.load.history.dumps.push({ zxid: state.zxid, why, text: dumpOfServer(state) });
    return state.zxid;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    // Where nothing has been told, there may be no log yet.
    if (told > 0 || error.code !== "FOREIGN")
      siege.fail("recovery", `${why}: ${[...image.keys()].join(" ")}: ${error.message}`);
    return 0;
  }
}

async function startedOn(siege: Siege, stage: RowStage, image: Image, told: number): Promise<void> {
  const data = await stage.directory("started");
  write(data, image);
  try {
    const daemon = await startCorrald({ data, limits: SMALLEST });
    const { code, stderr } = await daemon.stop();
    const zxid = Number(/"event":"serving".*?"zxid":(\d+)/.exec(stderr)?.[1]);
    if (!(zxid >= told))
      siege.fail("durability", `started after a power failure it has ${zxid}; ${told} had been told to a client`);
    if (code !== 0) siege.fail("recovery", `started after a power failure, it ended with ${code}`);
  } catch (error) {
    siege.fail("recovery", `it does not start after a power failure: ${String(error).slice(0, 500)}`);
  }
}
