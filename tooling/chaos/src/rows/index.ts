/** All rows, in their order. */
import type { Row } from "../row.ts";
import { killed } from "./r01-kill.ts";
import { nthWrite } from "./r02-nth-write.ts";
import { failedWrite } from "./r03-failed-write.ts";
import { slowSync } from "./r04-slow-sync.ts";
import { diskFull } from "./r05-disk-full.ts";
import { powerLoss } from "./r06-power-loss.ts";
import { stopped } from "./r07-stopped.ts";
import { partitions } from "./r08-partitions.ts";
import { wallClock } from "./r10-wall-clock.ts";
import { slowReader } from "./r11-slow-reader.ts";
import { descriptors } from "./r12-descriptors.ts";
import { heap } from "./r13-heap.ts";
import { stall } from "./r14-stall.ts";
import { versions } from "./r15-versions.ts";
import { drain } from "./r16-drain.ts";
import { backup } from "./r17-backup.ts";
import { tlsProxy } from "./r18-tls.ts";

export const ROWS: readonly Row[] = [
  killed,
  nthWrite,
  failedWrite,
  slowSync,
  diskFull,
  powerLoss,
  stopped,
  partitions,
  wallClock,
  slowReader,
  descriptors,
  heap,
  stall,
  versions,
  drain,
  backup,
  tlsProxy,
];
