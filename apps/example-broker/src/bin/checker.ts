/** Reads the producer's file and the sink's, prints what became of the messages, and ends with 1 if that is not what was promised. */
import { isClean, judge, type ProducedLine, tableOf } from "../check/verdict.ts";
import { readLines } from "../lines.ts";
import type { EffectLine } from "../sink/effects.ts";
import { Arguments } from "./arguments.ts";

const given = new Arguments(["produced", "effects"]);
const verdict = judge(readLines<ProducedLine>(given.text("produced")), readLines<EffectLine>(given.text("effects")));
console.log(tableOf(verdict));
process.exitCode = isClean(verdict) ? 0 : 1;
