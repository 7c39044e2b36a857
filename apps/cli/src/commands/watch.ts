/**
 * `corral watch`: a znode as it is, then every change, until Ctrl-C. Nothing is missing between two lines: what cannot be
 * told is announced by `resync`, after which everything comes anew.
 */
import type { SubscriptionEvent } from "@corral/client";
import type { Command } from "../command.ts";
import { jsonData, lineOf } from "../output.ts";
import { wholeNumber } from "../values.ts";

export const watch: Command = {
  name: "watch",
  usage: "PATH",
  summary: "a znode and its changes, until Ctrl-C; `synced` and `resync` mark what is complete and what is void",
  flags: {
    recursive: { type: "boolean", short: "r", help: "and everything below it" },
    data: { type: "boolean", short: "d", help: "with the data" },
    since: { type: "string", value: "ZXID", help: "only what came after this zxid, the one in an earlier line" },
  },
  async run({ connect, args, flags, output, untilInterrupted }) {
    const given = flags.get("since")?.[0];
    const since = given === undefined ? undefined : wholeNumber("--since", given);
    const withData = flags.has("data");
    const client = await connect();
    const events = await client.subscribe(args[0]!, {
      scope: flags.has("recursive") ? "tree" : "node",
      values: withData,
      since,
      signal: untilInterrupted(),
    });
    for await (const event of events) output.item(jsonOf(event, withData), () => textOf(event, withData));
  },
};

type Event = SubscriptionEvent<Uint8Array | null>;

function jsonOf(event: Event, withData: boolean): object {
  switch (event.kind) {
    case "entry":
    case "created":
    case "changed": {
      const { kind, zxid, path, stat, value } = event;
      return { kind, zxid, path, ...(withData ? jsonData(value) : {}), stat };
    }
    case "deleted":
    case "synced":
    case "resync":
      return event;
    case "undecodable":
      // The raw codec takes all bytes.
      throw event.error;
  }
}

function textOf(event: Event, withData: boolean): string {
  const head = `${event.zxid} ${event.kind}`;
  if (!("path" in event)) return head;
  return withData && "value" in event
    ? `${head} ${event.path} ${lineOf(event.value)}`.trimEnd()
    : `${head} ${event.path}`;
}
