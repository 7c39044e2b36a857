/** All rows, in their order. */
import type { Row } from "../row.ts";
import { killed } from "./r01-kill.ts";
import { nthWrite } from "./r02-nth-write.ts";
import { failedWrite } from "./r03-failed-write.ts";

export const ROWS: readonly Row[] = [killed, nthWrite, failedWrite];
