/**
 * Every scenario, struck by every fault, at every step: each in a world of its own, from a seed of its own.
 *
 * A step is a request of the subject while it acts, or, as step 0, what comes before the first one. After the blow everything is healed, and time passes until all sessions that were
 * to end have ended; then the scenario looks at what it left, and this looks at what nobody may leave.
 */
import { type ErrorName, isCorralError } from "@corral/client";
import type { SeenRequest } from "@corral/testing";
import { drawFrom } from "@corral/testing/world";
import type { Aftermath, FaultCase } from "./faults.ts";
import { NONE, selectionText } from "./selection.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import {
  eventually,
  HANGS_AFTER_MS,
  SESSION_TIMEOUT_MS,
  type Setting,
  setStage,
  STEP_MS,
  SUBJECT,
  withoutTime,
} from "./stage.ts";

/** A scenario with more steps does too much at once. */
const STEPS_MAX = 40;
/** Virtual milliseconds after which sessions that should have ended, or clients that should be back, are a failure. */
const RESTS_WITHIN_MS = 60_000;
/** Virtual milliseconds for what goes on behind the back of a call that has ended. */
const QUIET_MS = 1_000;
/** So many times the usual number of requests, and so many more, are too much for one fault. */
const ASKED_AGAIN_MAX = 5;
/** Of the file log: a world of small files is made much sooner; batches of 256 KiB fit. */
const FILE_LIMITS = { segmentBytes: 384 * 1024, maxRecordBytes: 320 * 1024 };
/** Lines of a stack shown with a failure. */
const PLACES_MAX = 4;
/** Requests of the subject shown with a failure. */
const SHOWN_MAX = 30;

/** What one run came to. */
export interface Verdict {
  readonly scenario: string;
  /** `none` for the run without faults. */
  readonly fault: string;
  /** From 1: a request of the subject. 0: before the first. */
  readonly step: number;
  /** What was struck: a request. Undefined if the step was never reached, as the way was another one. */
  readonly struck: string | undefined;
  /** What `act` came to: `ok`, the code of its error, `hang`, or `raw` for an error that is not a CorralError. */
  readonly came: string;
  /** Empty if all is well. */
  readonly failures: readonly string[];
  /** What the subject asked, in order. */
  readonly asked: readonly string[];
  /** What is there at the end, before the clients are closed. */
  readonly left: Left;
}

/** What holds on to the server or to a client. A blow must not leave more of it than a run without one. */
interface Left {
  readonly ephemerals: number;
  readonly watches: number;
  readonly subscriptions: number;
  readonly waiting: number;
  /** Clients, before `settled` may close some. */
  readonly closed: number;
}

/** The steps of a scenario, by its run without faults. */
export interface Baseline {
  readonly verdict: Verdict;
  readonly steps: number;
}

const NOTHING: Left = { ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0, closed: 0 };

/** The run without faults, for one with a fault to be compared with. */
type Compared = Pick<Verdict, "came" | "left" | "asked">;

export async function baselineOf(scenario: Scenario): Promise<Baseline> {
  const verdict = await run(scenario, undefined, 0, undefined);
  const steps = verdict.asked.length;
  if (steps <= STEPS_MAX) return { verdict, steps };
  return {
    verdict: { ...verdict, failures: [...verdict.failures, `it has ${steps} steps, more than ${STEPS_MAX}`] },
    steps: 0,
  };
}

/** One fault at all steps, or at one of them. */
export async function verdictsOf(
  scenario: Scenario,
  fault: FaultCase,
  { verdict, steps }: Baseline,
  only?: number,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (let step = fault.isFree ? 0 : 1; step <= steps; step++) {
    if (only === undefined || only === step) verdicts.push(await run(scenario, fault, step, verdict));
  }
  return verdicts;
}

/** A row of the table. */
export interface Row {
  readonly baseline: Verdict;
  /** By the name of the fault, in the order given; empty if it does not even work without. */
  readonly cells: ReadonlyMap<string, readonly Verdict[]>;
}

export async function rowOf(scenario: Scenario, faults: readonly FaultCase[], step?: number): Promise<Row> {
  const baseline = await baselineOf(scenario);
  const cells = new Map<string, readonly Verdict[]>();
  if (baseline.verdict.failures.length === 0)
    for (const fault of faults) cells.set(fault.name, await verdictsOf(scenario, fault, baseline, step));
  return { baseline: baseline.verdict, cells };
}

async function run(
  scenario: Scenario,
  fault: FaultCase | undefined,
  step: number,
  compared: Compared | undefined,
): Promise<Verdict> {
  const seen: Seen = { failures: [], asked: [], came: "not begun", isStruck: false, left: NOTHING };
  const setting = await setStage(scenario.sessionTimeoutMs ?? SESSION_TIMEOUT_MS, {
    seed: Math.floor(drawFrom(1, `${scenario.name}|${fault?.name}|${step}`)() * 2 ** 31),
    ...(fault?.log === undefined ? {} : { log: fault.log, fileLimits: FILE_LIMITS }),
  });
  const failed = (error: unknown): number => seen.failures.push(textOf(error));
  await play(scenario, setting, fault, step, compared, seen).catch(failed);
  await setting.end().catch(failed);
  // Only now: what goes wrong while the world ends counts too.
  for (const error of setting.uncaught) seen.failures.push(`nobody caught ${textOf(error)}`);
  const asked = seen.asked.map(({ op, path }) => `${op}${path === undefined ? "" : ` ${path}`}`);
  const { failures, came, left } = seen;
  const struck = step === 0 ? "before the first request" : asked[step - 1];
  return {
    scenario: scenario.name,
    fault: fault?.name ?? NONE,
    step,
    failures,
    came,
    left,
    asked,
    struck: seen.isStruck ? struck : undefined,
  };
}

/** What is known so far of a run. */
interface Seen {
  readonly failures: string[];
  asked: readonly SeenRequest[];
  came: string;
  isStruck: boolean;
  left: Left;
}

async function play(
  scenario: Scenario,
  setting: Setting,
  fault: FaultCase | undefined,
  step: number,
  compared: Compared | undefined,
  seen: Seen,
): Promise<void> {
  const { server } = setting;
  const { failures } = seen;
  const prepared = await eventually(server, (async () => scenario.prepare?.(setting))());
  await server.clock.runUntilIdle();
  const before = server.requests({ client: SUBJECT }).length;
  const asked = (): readonly SeenRequest[] => server.requests({ client: SUBJECT }).slice(before);
  const { outcome, hits } = await act(scenario, setting, prepared, fault, step);
  seen.asked = asked();
  seen.came = cameTo(outcome);
  seen.isStruck = hits > 0;
  failures.push(...complaints(outcome, fault, compared));
  if (outcome === HANG) return;
  await rest(setting);
  const closed = setting.clients.filter(({ state }) => state.name === "closed").length;
  failures.push(...askedTooMuch(asked().length, compared));
  await withoutTime(
    server,
    (async () => scenario.settled(setting, outcome, prepared))(),
    "settled waits for what never comes",
  );
  await server.clock.runUntilIdle();
  const { ephemerals, watches, subscriptions, waiting } = server.leaks();
  seen.left = { ephemerals, watches, subscriptions, waiting, closed };
  failures.push(...leftTooMuch(seen.left, compared), ...(await leaksAtEnd(setting)));
}

/** Of a call that never comes to anything. */
const HANG = Symbol("hang");
type Acted = Outcome | typeof HANG;

/** Until the call has ended, and what struck it has. */
async function act(
  scenario: Scenario,
  setting: Setting,
  prepared: unknown,
  fault: FaultCase | undefined,
  step: number,
): Promise<{ readonly outcome: Acted; readonly hits: number }> {
  const { clock } = setting.server;
  let blow: (Aftermath & { readonly overAt: number }) | undefined;
  const armed = fault?.arm(setting, step, (aftermath) => {
    blow = { ...aftermath, overAt: clock.now + (fault.lastsMs?.(setting.timeoutMs) ?? 0) };
  });
  const acted: { outcome: Acted } = { outcome: HANG };
  (async () => scenario.act(setting, prepared))().then(
    (value) => (acted.outcome = { value }),
    (error: unknown) => (acted.outcome = { error }),
  );
  const until = clock.now + HANGS_AFTER_MS;
  for (await clock.runUntilIdle(); clock.now < until; await clock.advance(STEP_MS)) {
    const isOver = blow === undefined || clock.now >= blow.overAt;
    if (isOver) blow?.end?.();
    if (isOver && acted.outcome !== HANG) break;
  }
  // What goes on behind the back of the call is not struck any more.
  armed?.end();
  await eventually(setting.server, blow?.done ?? Promise.resolve());
  return { outcome: acted.outcome, hits: armed?.hits ?? 0 };
}

/** Until all clients are back, and only their sessions are left. */
async function rest({ server, clients, strangers }: Setting): Promise<void> {
  const isAtRest = (): boolean => {
    const open = clients.filter(({ state }) => state.name !== "closed");
    const { sessions } = server.leaks();
    return (
      open.every(({ state }) => state.name === "connected") &&
      sessions >= open.length &&
      sessions <= open.length + strangers
    );
  };
  const until = server.clock.now + RESTS_WITHIN_MS;
  for (await server.clock.runUntilIdle(); !isAtRest(); await server.clock.advance(STEP_MS)) {
    if (server.clock.now < until) continue;
    const states = clients.map(({ state }) => state.name).join(", ");
    throw new Error(`no rest: the clients are ${states}, with ${server.leaks().sessions} sessions`);
  }
  await server.clock.advance(QUIET_MS);
}

/** What is wrong with what the call came to. */
function complaints(outcome: Acted, fault: FaultCase | undefined, compared: Compared | undefined): string[] {
  if (outcome === HANG) return ["act hangs: it came to nothing, long after everything was healed"];
  if (!("error" in outcome)) return [];
  const { error } = outcome;
  if (!isCorralError(error)) return [`act rejected with what is not a CorralError: ${textOf(error)}`];
  if (fault === undefined || compared?.came === error.code) return [];
  const allowed: readonly ErrorName[] = fault.codes;
  if (allowed.includes(error.code)) return [];
  const may = allowed.length === 0 ? "it must not be noticed" : `allowed: ${allowed.join(", ")}`;
  return [`act rejected with ${error.code} (${error.message}); ${may}`];
}

function cameTo(outcome: Acted): string {
  if (outcome === HANG) return "hang";
  if (!("error" in outcome)) return "ok";
  return isCorralError(outcome.error) ? outcome.error.code : "raw";
}

/** Whoever is struck asks again, but not for ever. */
function askedTooMuch(count: number, compared: Compared | undefined): string[] {
  if (compared === undefined || count <= ASKED_AGAIN_MAX * compared.asked.length + ASKED_AGAIN_MAX) return [];
  return [`${count} requests, without the fault ${compared.asked.length}`];
}

function leftTooMuch(left: Left, compared: Compared | undefined): string[] {
  if (compared === undefined) return [];
  const usual = compared.left;
  return (Object.keys(left) as (keyof Left)[])
    .filter((what) => left[what] > usual[what])
    .map((what) => `${what} at the end: ${left[what]}, without the fault ${usual[what]}`);
}

async function leaksAtEnd({ server, clients }: Setting): Promise<string[]> {
  await eventually(server, Promise.all(clients.map((client) => client.close())));
  await server.clock.advance(QUIET_MS);
  const leaks = Object.entries(server.leaks()).filter(([, count]) => count !== 0);
  return leaks.map(([what, count]) => `${what} after all clients were closed: ${count as number}`);
}

/** With where it was thrown, as far as that is the scenario or the recipe. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isCorralError(error)) return `${error.code}: ${error.message}`;
  const places = (error.stack ?? "").split("\n").filter((line) => /^ +at .*\/recipes\/(src|test)\//.test(line));
  const own = places.filter((line) => !line.includes("/test/faults/table"));
  return [`${error.name}: ${error.message}`, ...own.slice(0, PLACES_MAX)].join("\n");
}

/** For people, with how to see it again. Empty for a verdict without failures. */
export function report({ scenario, fault, step, struck, failures, came, asked }: Verdict): string {
  if (failures.length === 0) return "";
  const shown = asked.slice(0, SHOWN_MAX).map((request, i) => `${i + 1 === step ? "  > " : "    "}${i + 1} ${request}`);
  return [
    `${scenario}, ${fault} at step ${step}${struck === undefined ? "" : ` (${struck})`}: act came to ${came}`,
    ...failures.map((failure) => `  - ${failure}`),
    "  the subject asked:",
    ...shown,
    ...(asked.length > SHOWN_MAX ? [`    and ${asked.length - SHOWN_MAX} more`] : []),
    `  alone: npm run recipes:faults -- --only "${selectionText(scenario, fault, step)}"`,
  ].join("\n");
}
