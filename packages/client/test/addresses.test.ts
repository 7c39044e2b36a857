/** What a client is told to connect to: what can be none is refused before anything is tried. */
import { describe, expect, test } from "vitest";
import { connect, open } from "../src/node/index.ts";
import { openHarness } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

describe("what cannot be an address is refused at once", () => {
  const ws = ["ws://127.0.0.1:2190"];
  test.each([
    ["an address in place of the options", "ws://127.0.0.1:2190", "options", 'not "ws://127.0.0.1:2190"'],
    ["a list in place of the options", ws, "servers", "not undefined"],
    ["nothing", undefined, "options", "not undefined"],
    ["null", null, "options", "not null"],
    ["no servers", {}, "servers", "not undefined"],
    ["an address in place of the list", { servers: ws[0] }, "servers", 'not "ws://127.0.0.1:2190"'],
    ["an empty list", { servers: [] }, "servers", "the list is empty"],
    ["what is no URL", { servers: [...ws, "not a URL"] }, "servers", 'not "not a URL"'],
    ["an address as ZooKeeper has them", { servers: ["localhost:2181"] }, "servers", 'not "localhost:2181"'],
    ["a scheme alone", { servers: ["ws://"] }, "servers", 'not "ws://"'],
    ["an empty text", { servers: [""] }, "servers", 'not ""'],
    ["a number", { servers: [2190] }, "servers", "not number"],
    ["a gap", { servers: [undefined] }, "servers", "not undefined"],
  ])("%s", async (_name, options, name, what) => {
    const refused = expect.objectContaining({
      code: "BAD_ARGUMENTS",
      op: "open",
      limitName: name,
      message: expect.stringContaining(what) as string,
    }) as Error;
    expect(() => open(options as never)).toThrow(refused);
    await expect(connect(options as never)).rejects.toThrow(refused);
  });

  test.each(["ws://127.0.0.1:1", "wss://h", "WS://h/", "http://h", "https://[::1]:443/path"])(
    "%s is none",
    async (url) => {
      const client = open({ servers: [url] });
      await client.close();
    },
  );

  test("a function that answers with a text is a list that could not be had, and its letters are not tried", async () => {
    const { server, client } = openHarness({ servers: (() => Promise.resolve("ws://a")) as never });
    await settled();
    expect(server.dialled).toEqual([]);
    expect(client.state).toMatchObject({ name: "connecting" });
  });
});
