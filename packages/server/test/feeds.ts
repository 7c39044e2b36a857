/** A writer and a reader of one server, and what the reader's subscriptions were told. */
import type { Client } from "./client.ts";
import { Stage } from "./stage.ts";
import { create, lineOf } from "./words.ts";

/** The subscription messages among the news. */
export const feedOf = (client: Client): string[] =>
  client
    .news()
    .filter((message) => message.kind === "subscription")
    .map((message) => lineOf(message));

/** A stage with a writer, who has made /a, /a/b and /z at 3, 4 and 5, and a reader. */
export function scene(options = {}): { stage: Stage; writer: Client; reader: Client } {
  const stage = new Stage(options);
  const [writer, reader] = [stage.attach(), stage.attach()];
  writer.ask(create("/a", "1"), create("/a/b", "2"), create("/z", "9"));
  return { stage, writer, reader };
}
