/** A member's part in leading its group: stands in the election for as long as it is a member, and leads when it is its turn. */
import type { Client } from "@corral/client";
import { election } from "@corral/recipes";
import { GIVE_WAY_MS, GroupLeader } from "./leader/leader.ts";
import type { Settings } from "./options.ts";

export class Candidacy {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #leader: GroupLeader | undefined;

  constructor(client: Client, settings: Settings, member: string) {
    this.#running = this.#run(client, settings, member);
    // Looked at by `stop`.
    this.#running.catch(() => undefined);
  }

  get isLeader(): boolean {
    return this.#leader !== undefined;
  }

  /** Rejects when the election is over for good, which only the end of the client or its rights can bring about. */
  get running(): Promise<void> {
    return this.#running;
  }

  async #run(client: Client, settings: Settings, member: string): Promise<void> {
    await election(client, settings.paths.leader, { identity: member }).run(
      async (leadership, signal) => {
        try {
          const leader = await GroupLeader.begin(client, settings, leadership, signal);
          this.#leader = leader;
          if ((await leader.run()) === "stopped") return;
        } catch (error) {
          if (signal.aborted) throw error;
          settings.onLeaderError(error);
        } finally {
          this.#leader = undefined;
        }
        // Another may be able to.
        await client.deadline("group leader", { signal, timeoutMs: Infinity }).pause(GIVE_WAY_MS);
      },
      { again: true, signal: this.#stop.signal },
    );
  }

  /** The last member tells that nobody is left, before it gives up the lead. */
  async conclude(): Promise<void> {
    await this.#leader?.conclude();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
