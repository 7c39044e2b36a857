/**
 * Traps for what a simulated program must not use: real clocks, real timers, real randomness, and what the collector of
 * garbage decides. While they are installed each use by code of ours, or of a library that it carries, is told.
 *
 * Owns the replacement of the globals and their return. The world itself took what it needs before (`Timeline`).
 */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/** Told: what was used, and by which line. */
export type Trapped = (what: string) => void;

/** More of the same say no more. */
const TOLD_MAX = 5;
/** Lines of a stack that are looked at. */
const STACK_LINES = 40;
/** Whose use counts: a runner of tests has clocks of its own, and goes on meanwhile. */
const OURS = /\/(packages\/[^/]+|tooling\/simulation)\/(src|dist)\/|\/node_modules\/(lru-cache|msgpackr|ws)\//;
const NOT_OURS = /\/tooling\/simulation\/(src|dist)\/(campaign|mutants|main|worker)|\/world\/traps\./;

let isInstalled = false;

/** Returns the way back. Installed twice at a time, the second time changes nothing. */
export function installTraps(told: Trapped): () => void {
  if (isInstalled) return () => {};
  isInstalled = true;
  let count = 0;
  const used = (name: string): void => {
    const line = lineOfOurs();
    if (line !== undefined && count++ < TOLD_MAX) told(`${name} was used at ${line}`);
  };
  const backs: (() => void)[] = [];
  const replace = (owner: object, key: string, by: (real: never) => unknown): void => {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key);
    if (descriptor?.configurable !== true) return;
    const real = (owner as Record<string, unknown>)[key] as never;
    Object.defineProperty(owner, key, { configurable: true, writable: true, enumerable: false, value: by(real) });
    backs.push(() => Object.defineProperty(owner, key, descriptor));
  };
  /** Called, it tells, and does what it always did. */
  const tellCalls = (owner: object, name: string, key: string): void =>
    replace(
      owner,
      key,
      (real: (...args: unknown[]) => unknown) =>
        function (this: unknown, ...args: unknown[]) {
          used(name);
          return Reflect.apply(real, this, args);
        },
    );
  /** Made with `new`, it tells. */
  const tellConstruction = (name: string): void =>
    replace(
      globalThis,
      name,
      (real: object) =>
        new Proxy(real, {
          construct(target, args, newTarget) {
            used(`new ${name}`);
            return Reflect.construct(target as never, args, newTarget) as object;
          },
        }),
    );

  for (const timer of ["setTimeout", "setInterval", "setImmediate"]) tellCalls(globalThis, timer, timer);
  tellCalls(AbortSignal, "AbortSignal.timeout", "timeout");
  tellCalls(Math, "Math.random", "random");
  tellCalls(performance, "performance.now", "now");
  // It stands on the prototype.
  if (!Object.hasOwn(performance, "now"))
    tellCalls(Object.getPrototypeOf(performance) as object, "performance.now", "now");
  tellCalls(process, "process.hrtime", "hrtime");
  for (const name of ["randomUUID", "getRandomValues"])
    tellCalls(Object.getPrototypeOf(globalThis.crypto) as object, `crypto.${name}`, name);
  for (const name of ["randomBytes", "randomUUID", "randomInt", "randomFillSync"])
    tellCalls(crypto, `node:crypto ${name}`, name);
  tellConstruction("WeakRef");
  tellConstruction("FinalizationRegistry");
  replace(globalThis, "Date", (real: DateConstructor) => trappedDate(real, used));
  syncBuiltinESMExports();
  return () => {
    isInstalled = false;
    for (const back of backs.reverse()) back();
    syncBuiltinESMExports();
  };
}

/** A date of a given time is a number by another name; only the present one is the world's. */
const trappedDate = (real: DateConstructor, used: (name: string) => void): DateConstructor =>
  new Proxy(real, {
    construct(target, args, newTarget) {
      if (args.length === 0) used("new Date()");
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target) {
      used("Date()");
      return target();
    },
    get(target, key, receiver) {
      if (key !== "now") return Reflect.get(target, key, receiver) as unknown;
      return () => {
        used("Date.now");
        return target.now();
      };
    },
  });

/** The first line of the stack that is ours; undefined if nobody of ours had a part in it. */
function lineOfOurs(): string | undefined {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_LINES;
  const { stack = "" } = new Error("used");
  Error.stackTraceLimit = before;
  const line = stack.split("\n").find((one) => OURS.test(one) && !NOT_OURS.test(one));
  return line?.trim().replace(/^at /, "");
}
