/** Sessions that are open and do nothing, each a client of its own, all in this process. */
import { type Client, connect } from "@corral/client";
import type { SessionsJob } from "../../job.ts";
import { each } from "../each.ts";
import { Trouble } from "../trouble.ts";

const OPENING_MAX = 128;
const CLOSING_MAX = 128;
/** The whole of a client's opening. */
const OPEN_MS_MAX = 60_000;

export class SdkSessions {
  readonly #clients: Client[] = [];
  readonly #trouble = new Trouble();
  #isClosing = false;

  static async open(url: string, { count, timeoutMs }: SessionsJob): Promise<SdkSessions> {
    const sessions = new SdkSessions();
    await each(count, OPENING_MAX, async () => {
      const client = await connect({ servers: [url], session: { timeoutMs }, timeoutMs: OPEN_MS_MAX });
      client.on("state", ({ name }) => {
        if (!sessions.#isClosing) sessions.#trouble.raise(new Error(`a client was ${name}`));
      });
      sessions.#clients.push(client);
    });
    return sessions;
  }

  async close(): Promise<void> {
    // One that was not left in peace has failed the job, whatever became of it.
    await this.#trouble.orDone(Promise.resolve());
    this.#isClosing = true;
    await each(this.#clients.length, CLOSING_MAX, (n) => this.#clients[n]!.close());
  }
}
