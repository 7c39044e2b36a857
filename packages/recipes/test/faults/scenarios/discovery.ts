import { type Client, text } from "@corral/client";
import { expect } from "vitest";
import { type Consumer, type Described, discovery, type Discovery } from "../../../src/discovery.ts";
import type { Registration } from "../../../src/registration.ts";
import type { Scenario, Stage } from "../scenario.ts";

/** Longer than any fault lasts. */
const timeoutMs = 60_000;

const of = (client: Client): Discovery<string> => discovery(client, "/services", { codec: text });
const there = ({ server }: Stage): [string, number][] =>
  server
    .dump()
    .filter(({ path }) => path.startsWith("/services/s/"))
    .map(({ path, czxid }): [string, number] => [path.slice("/services/s/".length), czxid])
    .toSorted(([, a], [, b]) => a - b);
const known = ({ instances }: Consumer<string>): [string, number][] => instances.map(({ id, epoch }) => [id, epoch]);

export const scenarios: readonly Scenario[] = [
  {
    name: "discovery: provide, consume and pick",
    prepare: ({ other }) => of(other).provide("s", { id: "2", address: "two", meta: "" }),
    async act({ subject, signal }) {
      await using provided = await of(subject).provide(
        "s",
        { id: "1", address: "one", meta: "" },
        { signal, timeoutMs },
      );
      const consumer = await of(subject).consume("s", { signal, timeoutMs });
      const picked = await consumer.pick({ signal, timeoutMs });
      await provided.unregister({ timeoutMs });
      return { consumer, picked };
    },
    async settled(stage, outcome) {
      if ("error" in outcome) return;
      const { consumer, picked } = outcome.value as { consumer: Consumer<string>; picked: { readonly id: string } };
      expect(["1", "2"]).toContain(picked.id);
      expect(there(stage).map(([id]) => id)).toEqual(["2"]);
      expect(consumer.isFresh).toBe(true);
      expect(known(consumer)).toEqual(there(stage));
      await consumer.close();
    },
  },
  {
    name: "discovery: provide a static instance, change it, and withdraw it",
    async act({ subject, signal }) {
      const instance = { id: "1", address: "one", meta: "", lifetime: "static" } as const;
      const provided: Registration<Described<string>> = await of(subject).provide("s", instance, { signal, timeoutMs });
      await provided.update({ address: "new", meta: "" }, { signal, timeoutMs });
      await provided.unregister({ signal, timeoutMs });
    },
    async settled(stage, outcome) {
      const left = there(stage);
      // What is static stays until it is withdrawn; interrupted, whoever looks can withdraw it.
      if (!("error" in outcome)) expect(left).toEqual([]);
      expect(left.length).toBeLessThanOrEqual(1);
      const consumer = await stage.eventually(of(stage.other).consume("s"), 1_000);
      expect(known(consumer)).toEqual(left);
      await consumer.close();
    },
  },
];
