/**
 * A controller that stands still at the worst moment: when it has asked for a write and not for the next, for longer than its session may
 * last, so that another one has to go on with what it began, and it finds itself replaced when it wakes.
 */
import type { Client, WriteOptions } from "@corral/client";
import { between, drawFrom } from "@corral/testing/world";
import type { Life } from "../cast.ts";
import type { Surroundings } from "./surroundings.ts";

/** Of the writes of a controller, after so many it stands still. */
const STUMBLES = 0.07;
/** How long it takes at most until it does, milliseconds: before the write is sent, or when it is answered. */
const SOON_MS = 40;
const STILL_MS_MAX = 9_000;

/** Is it what a controller writes in its term? */
export function isController(options: WriteOptions | undefined): boolean {
  const guards = [options?.guard ?? []].flat();
  return guards.some(({ path }) => path.includes("/controller/"));
}

export function stumbling(client: Client, { name, process, stall }: Life, around: Surroundings): Client {
  let writes = 0;
  const mayStumble = (options: WriteOptions | undefined): void => {
    if (!isController(options) || around.isCalm) return;
    const step = `${name} broker write ${++writes}`;
    const draw = drawFrom(around.stage.plan.seed, step);
    if (draw() >= STUMBLES || !around.stage.mayAct(step)) return;
    process.after(draw() * SOON_MS, "work", () => {
      if (around.isCalm) return;
      around.sometimes("a controller stood still between two writes");
      around.stage.note(`${step}: it stands still`);
      stall(between(draw, 500, STILL_MS_MAX));
    });
  };
  return altered(client, {
    multi: (operations, options) => {
      mayStumble(options);
      return client.multi(operations, options);
    },
    multiEach: (operations, options) => {
      mayStumble(options);
      return client.multiEach(operations, options);
    },
  });
}

/** A client some of whose methods are others. */
export const altered = (client: Client, others: Partial<Client>): Client =>
  Object.create(client, Object.getOwnPropertyDescriptors(others)) as Client;
